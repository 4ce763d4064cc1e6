package config

import "strings"

// ListenerTLS are the settings of TLS on the worker's own listeners.
type ListenerTLS struct {
	// Cert and Key are files with the worker's certificate chain and private key, in PEM.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ClientCA is a file with the authorities for client certificates, in PEM. With it
	// only clients that have one can connect.
	ClientCA string `yaml:"client_ca"`
	// ClientRole is what client certificates may do that the auth file does not name:
	// "view", "control" or "admin". Empty = view without an auth file, nothing with one.
	ClientRole string `yaml:"client_role"`
}

// On says whether TLS is spoken.
func (t ListenerTLS) On() bool { return t.Cert != "" }

func (t ListenerTLS) validate(p *Problems) {
	if (t.Cert == "") != (t.Key == "") {
		p.Add("worker.tls", ReasonWorker, "needs both cert and key (--tls-cert and --tls-key), or neither")
	}
	if t.ClientCA != "" && t.Cert == "" {
		p.Add("worker.tls.client_ca", ReasonWorker, "asks for client certificates, which needs cert and key, too")
	}
	switch strings.ToLower(t.ClientRole) {
	case "":
	case "view", "control", "admin":
		if t.ClientCA == "" {
			p.Add("worker.tls.client_role", ReasonWorker, "is for client certificates; give client_ca, too")
		}
	default:
		p.Add("worker.tls.client_role", ReasonWorker, "is %.40q; use view, control or admin", t.ClientRole)
	}
}
