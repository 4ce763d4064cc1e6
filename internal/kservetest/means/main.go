// Command means is an inference server to try Frameport with where there is no other one:
// its model "means" takes pictures of -size and says how bright each channel is. It reads
// them from the memory that the worker has it map, or from the request.
//
//	go run ./internal/kservetest/means -address 127.0.0.1:8001 -size 640
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/frameport/frameport/internal/kservetest"
)

func main() {
	address := flag.String("address", "127.0.0.1:8001", "where to serve gRPC, HOST:PORT")
	size := flag.Int64("size", 640, "width and height of the model's input, 1 to 8192")
	flag.Parse()
	if *size < 1 || *size > 8192 {
		log.Fatalf("-size is %d: give 1 to 8192", *size)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	models := map[string]*kservetest.Model{"means": kservetest.Means(*size, *size)}
	err := kservetest.Serve(*address, kservetest.Config{Models: models}, func(at string) {
		fmt.Printf("model means, UINT8 NCHW [-1 3 %d %d], on %s; Ctrl-C ends it\n", *size, *size, at)
	}, ctx.Done())
	stop()
	if err != nil {
		log.Fatal(err)
	}
}
