package config

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// DefaultInferenceServer is the name of a server that was given none.
const DefaultInferenceServer = "default"

// InferenceServer is where a server is that runs models on the cameras' frames. Clients
// know it by its name only.
type InferenceServer struct {
	Name    string
	Address string // host:port
	// TLS has the server prove its name, by the system's certificates.
	TLS bool
}

var inferenceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// UnmarshalText implements encoding.TextUnmarshaler: [NAME=][grpc://|grpcs://]HOST:PORT.
func (s *InferenceServer) UnmarshalText(text []byte) error {
	if bytes.ContainsRune(text, '@') { // which is not repeated: a password may be before it
		return errors.New("inference server: write NAME=HOST:PORT, without a user; the protocol has no logins")
	}
	name, address, named := strings.Cut(string(text), "=")
	if !named {
		name, address = DefaultInferenceServer, name
	}
	scheme, at, found := strings.Cut(address, "://")
	if !found {
		scheme, at = "grpc", address
	}
	if scheme != "grpc" && scheme != "grpcs" {
		return fmt.Errorf("inference server %.120q: write NAME=HOST:PORT, or NAME=grpcs://HOST:PORT for TLS; its HTTP port is no use", text)
	}
	if !inferenceName.MatchString(name) {
		return fmt.Errorf("inference server %.120q: the name %.70q is not 1 to 63 letters, digits, '.', '_' or '-'", text, name)
	}
	host, port, err := net.SplitHostPort(at)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 || host == "" || strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("inference server %.120q: %.120q is not HOST:PORT; Triton serves gRPC on port 8001", text, at)
	}
	*s = InferenceServer{name, at, scheme == "grpcs"}
	return nil
}

func validateInferenceServers(p *Problems, servers []InferenceServer) {
	names := map[string]bool{}
	for _, s := range servers {
		if names[s.Name] {
			p.Add("worker.inference_servers", ReasonWorker, "name %.70q twice; give each a name of its own: NAME=HOST:PORT", s.Name)
		}
		names[s.Name] = true
	}
}
