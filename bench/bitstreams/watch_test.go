package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// envChild has the test program be a child that does something wrong in its second case.
const envChild = "FRAMEPORT_BITSTREAMS_TEST_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(envChild); how != "" {
		badChild(how)
		return
	}
	os.Exit(m.Run())
}

func badChild(how string) {
	at := slices.Index(os.Args, "-child")
	first, err := strconv.Atoi(os.Args[at+1])
	if err != nil {
		panic(err)
	}
	for n := first; n < 3; n++ {
		fmt.Printf("begin %d\n", n)
		if n == 1 {
			wrong(how)
		}
		fmt.Printf("end %d 5 4 3\n", n)
	}
}

func wrong(how string) {
	switch how {
	case "crash":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	case "memory":
		if err := limitMemory(memoryLimit); err != nil {
			panic(err)
		}
		if _, err := unix.Mmap(-1, 0, memoryLimit, unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE); err != nil {
			os.Exit(3)
		}
	case "hang":
		for n := 0; ; n++ {
			_ = n
		}
	}
}

// Whatever a child does in a case is counted as that case's, and the cases behind it
// are played all the same.
func TestWatch(t *testing.T) {
	for how, want := range map[string]report{
		"crash":  {Cases: 3, Crashes: 1, Frames: 10, Pictures: 8, Refused: 6},
		"memory": {Cases: 3, Crashes: 1, Frames: 10, Pictures: 8, Refused: 6},
		"hang":   {Cases: 3, Hangs: 1, Frames: 10, Pictures: 8, Refused: 6},
		"fine":   {Cases: 3, Frames: 15, Pictures: 12, Refused: 9},
	} {
		t.Run(how, func(t *testing.T) {
			t.Setenv(envChild, how)
			all := &tried{}
			if err := all.lane(context.Background(), 1, 0, 0, 1, 3); err != nil {
				t.Fatal(err)
			}
			got := all.report
			got.Slowest, got.Memory = 0, 0
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

func TestBrokenRule(t *testing.T) {
	all := &tried{}
	all.line(&watch{}, "broken 7 frames are left")
	if all.report.Broken != 1 || all.report.Cases != 1 {
		t.Errorf("%+v", all.report)
	}
}
