// Command inferences runs a model of an inference server, such as Triton, on all cameras,
// and says what it made of each frame:
//
//	inferences -address 127.0.0.1:50051 -model yolo -size 640 [CAMERA...]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func main() {
	address := flag.String("address", cmp.Or(os.Getenv("FRAMEPORT_ADDRESS"), "127.0.0.1:50051"), "gRPC address of the worker, HOST:PORT or unix:/PATH")
	model := flag.String("model", "", "name of the model; its input takes UINT8, NCHW")
	size := flag.Int("size", 640, "width and height of the model's input")
	answers := flag.Int("answers", 5, "how many answers to take")
	flag.Parse()
	if err := run(*address, *model, *size, *answers, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(address, model string, size, answers int, cameras []string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // ends the stream
	stream, err := frameportv1.NewInferenceServiceClient(conn).StreamInferences(ctx)
	if err != nil {
		return err
	}
	start := &frameportv1.StreamInferencesStart{
		CameraIds: cameras, // none = all
		ModelName: model,
		Tensor:    &frameportv1.TensorSpec{Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Width: int32(size), Height: int32(size)},
		Credits:   proto.Int32(2), // one batch at the model, the next one in the making
	}
	err = stream.Send(&frameportv1.StreamInferencesRequest{Request: &frameportv1.StreamInferencesRequest_Start{Start: start}})
	for ; err == nil && answers > 0; answers-- {
		var r *frameportv1.StreamInferencesResponse
		if r, err = stream.Recv(); err != nil {
			break
		}
		i := r.GetInference()
		for row, e := range i.GetEntries() { // row of the outputs
			fmt.Printf("%d: %s %d/%d is row %d of", i.GetInferenceNumber(), e.GetCameraId(), e.GetEpoch(), e.GetSequence(), row)
			for _, o := range i.GetOutputs() {
				fmt.Printf(" %s %s %v", o.GetName(), o.GetDatatype(), o.GetShape())
			}
			fmt.Printf(", %v later\n", i.GetResponseTime().AsTime().Sub(i.GetRequestTime().AsTime()))
		}
		err = stream.Send(&frameportv1.StreamInferencesRequest{Request: &frameportv1.StreamInferencesRequest_Credits{Credits: 1}})
	}
	return err
}
