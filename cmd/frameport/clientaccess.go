package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"

	"github.com/frameport/frameport/api/client"
)

// tokenEnvironment holds the token itself. There is no flag for it: that would show in
// the process listing.
const tokenEnvironment = "FRAMEPORT_TOKEN"

// systemAuthorities as --tls-ca means those that the machine trusts.
const systemAuthorities = "system"

// clientAccess are the flags of commands that talk to a worker with TLS or logins.
type clientAccess struct {
	TokenFile     string `env:"FRAMEPORT_TOKEN_FILE" help:"File with the token. The environment variable FRAMEPORT_TOKEN, with the token itself, works too." placeholder:"FILE"`
	TLSCA         string `name:"tls-ca" env:"FRAMEPORT_TLS_CA" help:"Speak TLS and take workers with a certificate of the authorities in this file, in PEM; \"system\" for those that this machine trusts." placeholder:"FILE"`
	TLSClientCert string `name:"tls-client-cert" env:"FRAMEPORT_TLS_CLIENT_CERT" help:"File with this client's certificate, for workers that want one." placeholder:"FILE"`
	TLSClientKey  string `name:"tls-client-key" env:"FRAMEPORT_TLS_CLIENT_KEY" help:"File with its private key." placeholder:"FILE"`
}

// options are those of the connection; token is that of the environment.
func (c clientAccess) options(token string) ([]grpc.DialOption, error) {
	var options []grpc.DialOption
	if c.TokenFile != "" {
		text, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		token = string(text)
	}
	if token = strings.TrimSpace(token); token != "" {
		if strings.ContainsAny(token, " \t\r\n") {
			return nil, errors.New("the token has spaces or several lines: give it as frameport token new wrote it")
		}
		options = append(options, client.Token(token))
	}
	if c.TLSCA == "" {
		if c.TLSClientCert != "" || c.TLSClientKey != "" {
			return nil, errors.New("--tls-client-cert is for TLS: give --tls-ca, too (system = the authorities that this machine trusts)")
		}
		return options, nil
	}
	config, err := c.tls()
	if err != nil {
		return nil, err
	}
	return append(options, client.TLS(config)), nil
}

func (c clientAccess) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLSCA != systemAuthorities {
		data, err := os.ReadFile(c.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("--tls-ca: %s holds no certificate in PEM", c.TLSCA)
		}
	}
	if c.TLSClientCert != "" || c.TLSClientKey != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSClientCert, c.TLSClientKey)
		if err != nil {
			return nil, fmt.Errorf("--tls-client-cert and --tls-client-key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
