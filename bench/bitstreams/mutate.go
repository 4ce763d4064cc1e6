package main

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"github.com/frameport/frameport/internal/testvideo"
)

// unit is one access unit in the making: NAL units without start codes, or the whole
// picture in one piece for codecs that have none.
type unit struct {
	pieces [][]byte
	nal    bool
	key    bool
}

func (u unit) bytes() []byte {
	if !u.nal {
		return bytes.Join(u.pieces, nil)
	}
	var out []byte
	for _, p := range u.pieces {
		out = append(append(out, 0, 0, 0, 1), p...)
	}
	return out
}

const (
	maxUnits = 8  // of a case
	maxEdits = 4  // of a case
	maxFlips = 32 // of bits, of an edit
)

// stream copies some units of a clip, mostly those at its beginning.
func stream(dice *rand.Rand, c *testvideo.Clip) []unit {
	first := 0
	if dice.IntN(4) == 0 {
		first = dice.IntN(len(c.Units))
	}
	var out []unit
	for _, u := range c.Units[first:min(len(c.Units), first+maxUnits)] {
		pieces := u.NALUs
		if pieces == nil {
			pieces = [][]byte{u.Data}
		}
		copied := unit{nal: u.NALUs != nil, key: u.Key}
		for _, p := range pieces {
			copied.pieces = append(copied.pieces, slices.Clone(p))
		}
		out = append(out, copied)
	}
	return out
}

// mutate damages a stream in one to maxEdits ways. other is a clip to take pieces from.
func mutate(dice *rand.Rand, s []unit, other *testvideo.Clip) []unit {
	edits := edits()
	for range 1 + dice.IntN(maxEdits) {
		s = edits[dice.IntN(len(edits))](dice, s, other)
		if len(s) == 0 {
			return s
		}
	}
	return s
}

type edit func(dice *rand.Rand, s []unit, other *testvideo.Clip) []unit

// edits are all ways to damage a stream. None of them is given an empty one.
func edits() []edit {
	return []edit{
		// Bits anywhere, and where headers are.
		onPiece(func(dice *rand.Rand, p []byte) []byte { return flip(dice, p, len(p)) }),
		onPiece(func(dice *rand.Rand, p []byte) []byte { return flip(dice, p, min(len(p), 24)) }),
		// Parameter sets and everything else that is short, in front of key pictures.
		parameters,
		// A run of bytes that are all the same, or random.
		onPiece(overwrite),
		// Cut, and longer than it was.
		onPiece(func(dice *rand.Rand, p []byte) []byte { return p[:dice.IntN(len(p)+1)] }),
		onPiece(func(dice *rand.Rand, p []byte) []byte { return append(p, noise(dice, dice.IntN(2000))...) }),
		// Whole pieces and units: gone, twice, in another order.
		pieces(func(dice *rand.Rand, p [][]byte) [][]byte { i := dice.IntN(len(p)); return slices.Delete(p, i, i+1) }),
		pieces(func(dice *rand.Rand, p [][]byte) [][]byte {
			return append(p, slices.Repeat([][]byte{slices.Clone(p[dice.IntN(len(p))])}, 1+dice.IntN(64))...)
		}),
		pieces(shuffle[[]byte]),
		func(dice *rand.Rand, s []unit, _ *testvideo.Clip) []unit {
			i := dice.IntN(len(s))
			return slices.Delete(s, i, i+1)
		},
		func(dice *rand.Rand, s []unit, _ *testvideo.Clip) []unit { return shuffle(dice, s) },
		// Pieces and units of another stream, mostly of another codec.
		func(dice *rand.Rand, s []unit, other *testvideo.Clip) []unit {
			from := stream(dice, other)
			u := &s[dice.IntN(len(s))]
			pick := from[dice.IntN(len(from))].pieces
			u.pieces = slices.Insert(u.pieces, dice.IntN(len(u.pieces)+1), pick[dice.IntN(len(pick))])
			return s
		},
		func(dice *rand.Rand, s []unit, other *testvideo.Clip) []unit {
			from := stream(dice, other)
			return slices.Insert(s, dice.IntN(len(s)+1), from[dice.IntN(len(from))])
		},
	}
}

// onPiece changes one piece that is not empty.
func onPiece(change func(*rand.Rand, []byte) []byte) edit {
	return func(dice *rand.Rand, s []unit, _ *testvideo.Clip) []unit {
		if u := s[dice.IntN(len(s))]; len(u.pieces) > 0 {
			if i := dice.IntN(len(u.pieces)); len(u.pieces[i]) > 0 {
				u.pieces[i] = change(dice, u.pieces[i])
			}
		}
		return s
	}
}

// pieces changes the pieces of a unit that has any.
func pieces(change func(*rand.Rand, [][]byte) [][]byte) edit {
	return func(dice *rand.Rand, s []unit, _ *testvideo.Clip) []unit {
		if u := &s[dice.IntN(len(s))]; len(u.pieces) > 0 {
			u.pieces = change(dice, u.pieces)
		}
		return s
	}
}

// parameters flips a few bits in a piece of at most 128 bytes of a key picture. Of codecs
// in one piece it takes the first bytes, where the sizes are.
func parameters(dice *rand.Rand, s []unit, _ *testvideo.Clip) []unit {
	var all [][]byte
	for _, u := range s {
		for _, p := range u.pieces {
			switch {
			case !u.key || len(p) == 0:
			case !u.nal:
				all = append(all, p[:min(len(p), 40)])
			case len(p) <= 128:
				all = append(all, p)
			}
		}
	}
	if len(all) > 0 {
		p := all[dice.IntN(len(all))]
		for range 1 + dice.IntN(4) {
			p[dice.IntN(len(p))] ^= 1 << dice.IntN(8)
		}
	}
	return s
}

// flip turns bits over within the first so many bytes.
func flip(dice *rand.Rand, p []byte, within int) []byte {
	for range 1 + dice.IntN(maxFlips) {
		p[dice.IntN(within)] ^= 1 << dice.IntN(8)
	}
	return p
}

// overwrite changes some bytes in a row.
func overwrite(dice *rand.Rand, p []byte) []byte {
	from := dice.IntN(len(p))
	part := p[from:min(len(p), from+1+dice.IntN(64))]
	copy(part, noise(dice, len(part)))
	if value := dice.IntN(3); value < 2 {
		for i := range part {
			part[i] = byte(-value) // 0x00 or 0xFF
		}
	}
	return p
}

func noise(dice *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(dice.Uint32())
	}
	return out
}

func shuffle[T any](dice *rand.Rand, list []T) []T {
	dice.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
