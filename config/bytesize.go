package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ByteSize is an amount of memory, written as in "8GiB", "512MiB" or "1.5G": units are
// powers of 1024, with or without "iB" and "B"; without a unit it is bytes.
type ByteSize int64

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *ByteSize) UnmarshalText(text []byte) error {
	t := strings.TrimSpace(string(text))
	digits := strings.TrimRight(t, "kKmMgGtTiIbB ")
	n, err := strconv.ParseFloat(digits, 64)
	unit := strings.ToUpper(strings.TrimSpace(t[len(digits):]))
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")
	power := strings.Index("KMGT", unit)
	if err != nil || len(unit) > 1 || power < 0 {
		return fmt.Errorf("%.40q is no size: write a number and a unit, such as 8GiB or 512MiB", t)
	}
	if unit != "" {
		n *= math.Pow(1024, float64(power+1))
	}
	if n < 0 || math.IsNaN(n) || n >= math.MaxInt64 {
		return fmt.Errorf("%.40q is no size of memory", t)
	}
	*s = ByteSize(n)
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (s ByteSize) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the size in the largest unit that divides it.
func (s ByteSize) String() string {
	n, unit := int64(s), ""
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, u
	}
	return strconv.FormatInt(n, 10) + unit
}
