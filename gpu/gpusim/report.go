package gpusim

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ReportVariable names the file in which the driver keeps a report of what lives.
const ReportVariable = "FRAMEPORT_GPUSIM_REPORT"

// ReadReport reads the file of [ReportVariable]: how many objects of each kind, and
// violations, another process had when it ended, however it ended. A Go program's
// normal end runs no exit handler, so its exit status cannot tell.
func ReadReport(path string) (map[string]int64, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64)
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return nil, fmt.Errorf("gpusim: %s: %q is no line of a report", path, line)
		}
		if out[fields[0]], err = strconv.ParseInt(fields[1], 10, 64); err != nil {
			return nil, fmt.Errorf("gpusim: %s: %w", path, err)
		}
	}
	return out, nil
}
