package main

import "time"

// sample is one measurement. Processor time is in cores, memory in bytes.
type sample struct {
	turn            int
	cores, rss, pss float64
	// What else worked meanwhile: the sender, and the rest of the machine.
	sender, others float64
}

// meter measures processes over a time.
type meter struct {
	pids          []int
	sender        int
	at            time.Time
	used, sent    time.Duration
	total, stolen time.Duration
}

func (m *meter) read() (used, sent, total, stolen time.Duration, err error) {
	if used, err = cpuTime(m.pids...); err != nil {
		return
	}
	if sent, err = cpuTime(m.sender); err != nil {
		return
	}
	total, stolen, err = busy()
	return
}

func (m *meter) begin() (err error) {
	m.at = time.Now()
	m.used, m.sent, m.total, m.stolen, err = m.read()
	return err
}

func (m *meter) end() (sample, error) {
	used, sent, total, stolen, err := m.read()
	took := time.Since(m.at).Seconds()
	s := sample{cores: (used - m.used).Seconds() / took, sender: (sent - m.sent).Seconds() / took}
	// Ticks of the whole machine are coarser than a process's own time.
	s.others = max(0, (total-m.total+stolen-m.stolen).Seconds()/took-s.cores-s.sender)
	return s, err
}
