package main

import (
	"context"
	"errors"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/inference"
)

// inferenceFlags are the flags about servers that run models on the cameras' frames. Those
// that were given win over the configuration file.
type inferenceFlags struct {
	InferenceServer []config.InferenceServer `name:"inference-server" env:"FRAMEPORT_INFERENCE_SERVER" help:"A server that runs models on the cameras' frames, such as Triton: [NAME=]HOST:PORT of its gRPC, grpcs://HOST:PORT for TLS, or several with commas between. Clients choose it by its name." placeholder:"NAME=HOST:PORT"`
}

// apply lays the flags over servers.
func (f inferenceFlags) apply(servers *[]config.InferenceServer) {
	if f.InferenceServer != nil {
		*servers = f.InferenceServer
	}
}

// openInference makes a client of each server, which connects when it is used first.
func openInference(servers []config.InferenceServer) (clients []*inference.Server, closeAll func() error, err error) {
	closeAll = func() error {
		var err error
		for _, c := range clients {
			err = errors.Join(err, c.Close())
		}
		return err
	}
	for _, s := range servers {
		c, err := inference.New(inference.Config{Name: s.Name, Address: s.Address, TLS: s.TLS})
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		clients = append(clients, c)
	}
	return clients, closeAll, nil
}

// inferenceText asks a server whether it is ready.
func inferenceText(ctx context.Context, s config.InferenceServer) (string, error) {
	c, err := inference.New(inference.Config{Name: s.Name, Address: s.Address, TLS: s.TLS})
	if err == nil {
		err = errors.Join(c.Ready(ctx), c.Close())
	}
	if err != nil {
		return s.Name + " at " + s.Address + ": " + err.Error(), err
	}
	return s.Name + " at " + s.Address + ": ready", nil
}
