package inference

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/frameport/frameport/internal/kserve"
)

// contents writes typed elements as raw ones; nothing for a type that has no typed form.
func contents(datatype string, c *kserve.InferTensorContents) []byte {
	little := binary.LittleEndian
	switch datatype {
	case "BOOL":
		return write(c.GetBoolContents(), func(to []byte, v bool) []byte {
			if v {
				return append(to, 1)
			}
			return append(to, 0)
		})
	case "INT8":
		return write(c.GetIntContents(), func(to []byte, v int32) []byte { return append(to, byte(v)) })
	case "INT16":
		return write(c.GetIntContents(), func(to []byte, v int32) []byte { return little.AppendUint16(to, uint16(v)) })
	case "INT32":
		return write(c.GetIntContents(), func(to []byte, v int32) []byte { return little.AppendUint32(to, uint32(v)) })
	case "INT64":
		return write(c.GetInt64Contents(), func(to []byte, v int64) []byte { return little.AppendUint64(to, uint64(v)) })
	case "UINT8":
		return write(c.GetUintContents(), func(to []byte, v uint32) []byte { return append(to, byte(v)) })
	case "UINT16":
		return write(c.GetUintContents(), func(to []byte, v uint32) []byte { return little.AppendUint16(to, uint16(v)) })
	case "UINT32":
		return write(c.GetUintContents(), little.AppendUint32)
	case "UINT64":
		return write(c.GetUint64Contents(), little.AppendUint64)
	case "FP32":
		return write(c.GetFp32Contents(), func(to []byte, v float32) []byte { return little.AppendUint32(to, math.Float32bits(v)) })
	case "FP64":
		return write(c.GetFp64Contents(), func(to []byte, v float64) []byte { return little.AppendUint64(to, math.Float64bits(v)) })
	case "BYTES":
		return write(c.GetBytesContents(), func(to, v []byte) []byte { return append(little.AppendUint32(to, uint32(len(v))), v...) })
	}
	return nil
}

func write[V any](values []V, one func([]byte, V) []byte) (out []byte) {
	for _, v := range values {
		out = one(out, v)
	}
	return out
}

// check compares an output's data with its type and shape.
func (o Output) check() error {
	elements := int64(1)
	for _, n := range o.Shape {
		if n < 0 || n > 0 && elements > MaxAnswerBytes/n {
			return fmt.Errorf("%w: the server answers with output %q of shape %s", ErrFailed, brief(o.Name), brief(fmt.Sprint(o.Shape)))
		}
		elements *= n
	}
	size := int64(0)
	switch o.Datatype {
	case "BOOL", "INT8", "UINT8":
		size = 1
	case "INT16", "UINT16", "FP16", "BF16":
		size = 2
	case "INT32", "UINT32", "FP32":
		size = 4
	case "INT64", "UINT64", "FP64":
		size = 8
	case "BYTES": // whose elements have their own lengths
		return nil
	default:
		return fmt.Errorf("%w: the server answers with output %q of type %q", ErrFailed, brief(o.Name), brief(o.Datatype))
	}
	if want := elements * size; int64(len(o.Data)) != want {
		return fmt.Errorf("%w: the server answers with %d bytes for output %q, %s of shape %s, which has %d", ErrFailed, len(o.Data), brief(o.Name), o.Datatype, brief(fmt.Sprint(o.Shape)), want)
	}
	return nil
}
