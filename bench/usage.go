package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// userHertz is the unit of times in /proc, 100 on every Linux there is.
const userHertz = 100

// cpuTime is what processes used up to now, in user and kernel mode, all threads.
func cpuTime(pids ...int) (time.Duration, error) {
	var total time.Duration
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		d, err := parseStat(raw)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		total += d
	}
	return total, nil
}

func parseStat(raw []byte) (time.Duration, error) {
	// The second field is the program's name in parentheses and may hold anything.
	after := bytes.LastIndexByte(raw, ')')
	fields := strings.Fields(string(raw[after+1:]))
	const utime, stime = 14 - 3, 15 - 3 // proc(5) counts from 1, field 3 is the first after the name
	if after < 0 || len(fields) <= stime {
		return 0, errors.New("too few fields")
	}
	u, err := strconv.ParseInt(fields[utime], 10, 64)
	if err != nil {
		return 0, err
	}
	s, err := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(u+s) * time.Second / userHertz, err
}

// memory is what processes occupy, in bytes.
type memory struct {
	rss float64 // resident pages, shared ones counted by every process
	pss float64 // shared pages divided by their users
}

func readMemory(pids ...int) (memory, error) {
	var total memory
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return total, err
		}
		m, err := parseRollup(raw)
		if err != nil {
			return total, fmt.Errorf("/proc/%d/smaps_rollup: %w", pid, err)
		}
		total.rss += m.rss
		total.pss += m.pss
	}
	return total, nil
}

func parseRollup(raw []byte) (memory, error) {
	var m memory
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		if name != "Rss" && name != "Pss" || len(fields) != 2 || fields[1] != "kB" {
			continue
		}
		kb, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return m, err
		}
		if name == "Rss" {
			m.rss = kb * 1024
		} else {
			m.pss = kb * 1024
		}
	}
	if m.rss == 0 {
		return m, errors.New("no Rss in it: the process has ended")
	}
	return m, lines.Err()
}

// busy is the time all processors of the machine worked since it started, and
// the time its hypervisor gave to others meanwhile.
func busy() (used, stolen time.Duration, err error) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	fields := strings.Fields(first)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0, errors.New("/proc/stat: no line of all processors")
	}
	for i, f := range fields[1:9] {
		v, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, 0, err
		}
		d := time.Duration(v) * time.Second / userHertz
		switch i {
		case 3, 4: // idle, waiting for a disk
		case 7:
			stolen += d
		default:
			used += d
		}
	}
	return used, stolen, nil
}
