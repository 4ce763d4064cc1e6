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
		part{name: "worker", about: "a worker with cameras and a client, over the API", limit: 60 * time.Second, run: measureAtWork},
		part{name: "ipc", about: "an IPC handle opened by a second process", limit: 30 * time.Second, run: checkIPC},
		part{name: "ipc/batches", about: "batches in device memory, read by a second process", limit: 60 * time.Second, run: measureHandOff},
		part{name: "ipc/python", about: "a camera's frames in device memory, read by a program in Python", limit: 45 * time.Second, run: readInPython},
		part{name: "batch", about: "frames in device memory to a batch of tensors there", limit: 45 * time.Second, run: measureBatches},
		part{name: "memory", about: "device memory per item and per camera", limit: 60 * time.Second, run: measureMemory},
		part{name: "marginal", about: "device memory by the number of cameras", limit: 100 * time.Second, run: measureMarginal},
		part{name: "throughput", about: "frames decoded a second, by sessions", limit: 110 * time.Second, run: measureThroughput},
		part{name: "jpeg", about: "JPEG on the GPU and on the CPU: time, size, PSNR", limit: 45 * time.Second, run: measureJPEG},
		part{name: "jpeg/rate", about: "JPEG pictures a second, by encoder states", limit: 60 * time.Second, run: measureRate},
		part{name: "latency", about: "access unit to pixels, with and without showing at once", limit: 45 * time.Second, run: measureLatency},
		part{name: "lifetime", about: "how long decoders take to come and go", limit: 45 * time.Second, run: measureLifetime},
		part{name: "reconfigure", about: "1080p to 720p and back on one decoder", limit: 30 * time.Second, run: measureReconfigure},
		part{name: "limit", about: "sessions until one is refused", limit: 75 * time.Second, run: measureLimit},
		part{name: "leak", about: "a thousand cameras that come and go", limit: 150 * time.Second, run: measureLeak},
	)
}
