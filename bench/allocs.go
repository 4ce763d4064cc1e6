package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// measureAllocs runs the benchmark that lies beside the decoder.
func measureAllocs(ctx context.Context, l *lab) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "BenchmarkDecodeToRing", "-benchmem", "-benchtime", "1000x", "./decoder/avcodec")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	list := parseBenchmarks(string(out))
	if len(list) == 0 {
		return errors.New("no benchmark result in: " + string(out))
	}
	for _, b := range list {
		l.report(row{
			Name: "access unit to ring, " + b.name, Value: b.allocs, Unit: "allocs/frame", Exact: true,
			Detail: fmt.Sprintf("%s ms and %s B a frame; go test -bench BenchmarkDecodeToRing -benchmem ./decoder/avcodec", number(b.nanoseconds/1e6), number(b.bytes)),
		})
	}
	return nil
}

type benchmark struct {
	name                       string
	nanoseconds, bytes, allocs float64
}

// parseBenchmarks reads what go test prints with -benchmem.
func parseBenchmarks(out string) []benchmark {
	var list []benchmark
	for l := range strings.Lines(out) {
		f := strings.Fields(l)
		if len(f) < 8 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		b := benchmark{name: f[0]}
		if _, sub, ok := strings.Cut(f[0], "/"); ok {
			b.name = sub
		}
		if at := strings.LastIndexByte(b.name, '-'); at > 0 { // number of processors
			b.name = b.name[:at]
		}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				break
			}
			switch f[i+1] {
			case "ns/op":
				b.nanoseconds = v
			case "B/op":
				b.bytes = v
			case "allocs/op":
				b.allocs = v
			}
		}
		list = append(list, b)
	}
	return list
}
