package main

// statement is an in-toto statement, version 1, with the predicate of SLSA, version 1.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []artifact `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

type artifact struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	Build build `json:"buildDefinition"`
	Run   made  `json:"runDetails"`
}

type build struct {
	Type         string            `json:"buildType"`
	External     map[string]string `json:"externalParameters"`
	Internal     map[string]string `json:"internalParameters"`
	Dependencies []artifact        `json:"resolvedDependencies"`
}

type made struct {
	Builder struct {
		ID string `json:"id"`
	} `json:"builder"`
}

// describe makes the statement about a file with this SHA-256, built from a commit.
func describe(name, sum, version, commit string) *statement {
	s := &statement{
		Type: "https://in-toto.io/Statement/v1", PredicateType: "https://slsa.dev/provenance/v1",
		Subject: []artifact{{Name: name, Digest: map[string]string{"sha256": sum}}},
	}
	s.Predicate.Build = build{
		Type:         repository + "/blob/" + commit + "/Makefile",
		External:     map[string]string{"target": "release", "version": version},
		Dependencies: []artifact{{URI: "git+" + repository, Digest: map[string]string{"gitCommit": commit}}},
	}
	// Whoever ran make: no service that could vouch for it.
	s.Predicate.Run.Builder.ID = repository + "#unsigned"
	return s
}
