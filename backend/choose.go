package backend

import (
	"fmt"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

// noCUDA is why this version never takes a GPU.
const noCUDA = "this version decodes on the CPU only; the CUDA backend comes with a later one"

// New builds the backend that kind asks for. AUTO takes the best one that works;
// asking for one by name fails with [ErrUnavailable] and the reason. Picture
// memory is booked into account.
func New(kind config.BackendKind, account *frame.Account) (*Backend, error) {
	switch kind {
	case config.BackendCUDA:
		return nil, fmt.Errorf("%w: cuda: %s; use --backend auto or --backend cpu", ErrUnavailable, noCUDA)
	case config.BackendCPU:
		return host(Choice{Requested: kind, Kind: config.BackendCPU, Reason: "asked for"}, account)
	default:
		return host(Choice{Requested: kind, Kind: config.BackendCPU, Reason: noCUDA}, account)
	}
}
