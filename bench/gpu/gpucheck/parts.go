package main

import "time"

// parts are all that is done, in this order. What is needed most comes first: when
// the time is over, the rest is not run.
func parts() []part {
	list := []part{
		{name: "libraries", about: "which libraries were found where", limit: 30 * time.Second, run: checkLibraries},
		{name: "device", about: "the card, what it decodes and with how many engines", limit: 30 * time.Second, run: checkDevice},
		{name: "kernels", about: "both PTX files load and are exact to the bit", limit: 30 * time.Second, run: checkKernels},
	}
	for _, s := range suites() {
		list = append(list, s.part())
	}
	return append(
		list,
		part{name: "service", about: "four cameras by RTSP, JPEG by gRPC, clean shutdown, on the GPU", limit: 60 * time.Second, run: checkService},
		part{name: "ipc", about: "an IPC handle opened by a second process", limit: 30 * time.Second, run: checkIPC},
	)
}
