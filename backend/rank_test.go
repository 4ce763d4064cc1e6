package backend

import "testing"

func TestRank(t *testing.T) {
	for name, c := range map[string]struct{ better, worse rank }{
		"idle decoders":               {rank{cameras: 9, engines: 1}, rank{busy: true, engines: 7, free: 9}},
		"both busy":                   {rank{busy: true, cameras: 1, engines: 1}, rank{busy: true, cameras: 2, engines: 1}},
		"fewer cameras":               {rank{cameras: 1, engines: 2}, rank{cameras: 2, engines: 2, free: 9}},
		"fewer cameras per engine":    {rank{cameras: 6, engines: 7}, rank{cameras: 1, engines: 1, free: 9}},
		"more memory":                 {rank{cameras: 1, engines: 1, free: 2}, rank{cameras: 1, engines: 1, free: 1}},
		"more memory, other engines":  {rank{cameras: 2, engines: 2, free: 2}, rank{cameras: 1, engines: 1, free: 1}},
		"less memory, none to any":    {rank{engines: 1, free: 2}, rank{engines: 7, free: 1}},
		"a free engine before memory": {rank{cameras: 2, engines: 7, free: 1}, rank{cameras: 3, engines: 7, free: 2}},
	} {
		if c.better.compare(c.worse) >= 0 || c.worse.compare(c.better) <= 0 || c.better.compare(c.better) != 0 {
			t.Errorf("%s: %d and %d", name, c.better.compare(c.worse), c.worse.compare(c.better))
		}
	}
}
