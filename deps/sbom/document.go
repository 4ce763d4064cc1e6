package main

import "time"

// document is as much of CycloneDX 1.6 as is filled in.
type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Time      time.Time `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string      `json:"type"`
	Ref        string      `json:"bom-ref"`
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	PURL       string      `json:"purl,omitempty"`
	Licences   []licence   `json:"licenses"`
	References []reference `json:"externalReferences,omitempty"`
	Properties []property  `json:"properties,omitempty"`
}

type licence struct {
	Expression string `json:"expression"`
}

type reference struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

func newDocument(of component, now time.Time) *document {
	return &document{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{Time: now.UTC().Truncate(time.Second), Component: of},
	}
}

// depend says that the program needs all components. Which of them need which others is
// not in a binary.
func (d *document) depend() {
	on := make([]string, 0, len(d.Components))
	for _, c := range d.Components {
		on = append(on, c.Ref)
	}
	d.Dependencies = []dependency{{Ref: d.Metadata.Component.Ref, On: on}}
}
