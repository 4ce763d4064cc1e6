package main

import "github.com/frameport/frameport/config"

// accessFlags are the flags about who may reach the worker and do what. A flag that was
// given wins over the configuration file. Secrets are in files: a flag would show in the
// process listing.
type accessFlags struct {
	TLSCert       string `name:"tls-cert" env:"FRAMEPORT_TLS_CERT" help:"File with the worker's certificate chain, in PEM: TCP listeners speak TLS. Read again when it changes." placeholder:"FILE"`
	TLSKey        string `name:"tls-key" env:"FRAMEPORT_TLS_KEY" help:"File with the private key of the certificate." placeholder:"FILE"`
	TLSClientCA   string `name:"tls-client-ca" env:"FRAMEPORT_TLS_CLIENT_CA" help:"File with authorities, in PEM: only clients with a certificate of theirs can connect." placeholder:"FILE"`
	TLSClientRole string `name:"tls-client-role" env:"FRAMEPORT_TLS_CLIENT_ROLE" help:"What client certificates may do that the auth file does not name: view, control or admin. Default: view without an auth file, nothing with one." placeholder:"ROLE"`
	AuthFile      string `name:"auth-file" env:"FRAMEPORT_AUTH_FILE" help:"YAML file that says which tokens and certificates may do what (frameport token new makes entries). Read again when it changes." placeholder:"FILE"`
	Reflection    bool   `env:"FRAMEPORT_REFLECTION" help:"Serve gRPC reflection also when calls need a login."`
	Insecure      bool   `env:"FRAMEPORT_INSECURE" help:"Allow addresses that other machines can reach, without TLS or without a login."`
}

// apply lays the flags over w.
func (f accessFlags) apply(w *config.Worker) {
	for _, v := range []struct {
		flag string
		to   *string
	}{
		{f.TLSCert, &w.TLS.Cert},
		{f.TLSKey, &w.TLS.Key},
		{f.TLSClientCA, &w.TLS.ClientCA},
		{f.TLSClientRole, &w.TLS.ClientRole},
		{f.AuthFile, &w.AuthFile},
	} {
		if v.flag != "" {
			*v.to = v.flag
		}
	}
	w.Reflection = w.Reflection || f.Reflection
	w.Insecure = w.Insecure || f.Insecure
}
