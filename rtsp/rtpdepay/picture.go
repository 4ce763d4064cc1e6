package rtpdepay

import (
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/nal"
)

// openPicture begins an access unit with its first slice. The buffer holds its
// prefix, from which the parameter sets are taken out.
func (a *assembler) openPicture(s slice, header, body []byte) {
	recovery := a.recoveryAhead()
	var seen, changed setMask
	var changedPPS bool
	for _, p := range a.prefix {
		if p.class != classSet {
			continue
		}
		set, news := a.learn(a.buf.bytes()[p.from+len(nal.StartCode) : p.to])
		if set == nil {
			continue
		}
		seen |= maskOf(set.kind)
		if news {
			changed |= maskOf(set.kind)
			changedPPS = changedPPS || set.kind == pps
		}
	}
	s = a.complete(s, header, body)
	u := unit{
		picture: true, ts: a.ts, first: a.received, last: a.received,
		sets: a.activeSets(s.pps), nonRef: s.nonRef, leads: s.leads, head: s,
	}
	if s.random {
		a.gradual.idr()
	} else if recovery {
		a.gradual.point()
		u.recovery = s.intra || a.gradual.is()
	}
	u.candidate = s.first && (s.random || u.recovery)
	if u.candidate && !a.usual.allow(seen, a.afterHole) {
		u.candidate = false // the sets it came with were lost, and may have been new
	}
	u.random = u.candidate
	u.undecodable = u.sets == nil
	u.leading = a.leads.skips(&s)
	if !u.candidate && changed&(maskOf(sps)|maskOf(vps)) != 0 {
		// New sequence parameters take effect at a random-access point only.
		a.waiting = true
	}
	u.drop = u.undecodable || u.leading || a.waiting && !u.candidate
	a.afterHole, a.byMarker = false, false
	a.cur = u
	a.stripPrefix(changedPPS && !u.candidate)
	if u.candidate && !u.drop {
		a.format.prepare(&a.store, u.sets)
		if !a.buf.reserve(len(endOfSequence) + len(a.format.front)) {
			a.noRoom()
		}
	}
	if u.drop {
		a.buf.truncate(0)
	}
}

// recoveryAhead reports whether the prefix holds a recovery point message.
func (a *assembler) recoveryAhead() bool {
	for _, p := range a.prefix {
		if p.recovery {
			return true
		}
	}
	return false
}

// stripPrefix takes the parameter sets out of the prefix. Picture parameter
// sets stay if they have news for a picture that no sets are put before.
func (a *assembler) stripPrefix(keepPPS bool) {
	for i := len(a.prefix) - 1; i >= 0; i-- {
		p := a.prefix[i]
		if p.class != classSet {
			continue
		}
		if keepPPS {
			set, ok := a.syn.set(a.buf.bytes()[p.from+len(nal.StartCode) : p.to])
			if ok && set.kind == pps {
				continue
			}
		}
		a.buf.remove(p.from, p.to)
	}
	a.prefix, a.prefixAt = a.prefix[:0], -1
}

// learn stores a parameter set, and reports whether it is new. The set is nil
// if it could not be read.
func (a *assembler) learn(b []byte) (set *paramSet, news bool) {
	if old := a.store.same(b); old != nil {
		return old, false
	}
	parsed, ok := a.syn.set(b)
	if ok {
		news, ok = a.store.put(parsed)
	}
	if !ok {
		a.stats.badSets.Add(1)
		return nil, false
	}
	return a.store.find(parsed.kind, parsed.id), news
}

// activeSets returns the SPS of the picture parameter set with this identifier.
func (a *assembler) activeSets(id uint32) *paramSet {
	p := a.store.find(pps, id)
	if p == nil {
		return nil
	}
	return a.store.find(sps, p.ref)
}

func (a *assembler) complete(s slice, header, body []byte) slice {
	if set := a.activeSets(s.pps); set != nil {
		s = a.syn.complete(s, header, body, set)
	}
	return s
}

// deliver hands the current unit over, or counts why not, and makes room for
// the next one, whose prefix stays in the buffer.
func (a *assembler) deliver() {
	end := a.buf.len()
	if a.prefixAt >= 0 {
		end = a.prefixAt
	}
	u := &a.cur
	switch {
	case u.tainted:
		a.stats.tainted.Add(1)
		a.waiting = true
	case u.undecodable:
		a.stats.undecodable.Add(1)
		a.waiting = true
	case a.waiting && !u.random:
		a.stats.waiting.Add(1)
	case u.leading:
		a.stats.leading.Add(1)
	default:
		a.hand(end)
	}
	a.buf.next(end)
	for i := range a.prefix {
		a.prefix[i].from -= end
		a.prefix[i].to -= end
	}
	a.cur, a.prefixAt, a.nals = unit{}, -1, len(a.prefix)
}

func (a *assembler) hand(end int) {
	u := &a.cur
	var front []byte
	if u.candidate {
		front = a.format.front
		if a.waiting && u.head.continues && a.format.current != nil {
			a.ended = append(append(a.ended[:0], endOfSequence...), front...)
			front = a.ended
		}
		a.out.clock.SetMonotone(a.format.use().NoReorder)
	}
	a.leads.after(u, a.waiting)
	a.waiting = false
	err := a.out.send(&media.AccessUnit{
		Format:       a.format.current,
		Data:         a.buf.with(front, end),
		RandomAccess: u.random,
		NonReference: u.nonRef,
	}, u.ts, u.first, u.last)
	if a.err == nil {
		a.err = err
	}
}
