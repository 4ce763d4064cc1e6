package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"

	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/server"
)

const pageStyle = `body{font:14px/1.4 system-ui,sans-serif;margin:1.5em;background:#fff;color:#222}
h1{font-size:1.3em}ul{display:flex;flex-wrap:wrap;gap:1em;list-style:none;padding:0}
li{width:18em}img{width:18em;height:10.1em;object-fit:contain;background:#222;display:block}
code{background:#eee;padding:0 .2em}`

const pageText = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Frameport</title>
<meta name="viewport" content="width=device-width"><style>{{.Style}}</style></head>
<body><h1>Frameport: {{len .Cameras}} camera{{if ne (len .Cameras) 1}}s{{end}}</h1>
{{if .Cameras}}<ul>{{range .Cameras}}
<li><a href="/api/{{.ID}}"><img src="/api/{{.ID}}/latest.jpg?h=180" alt="newest picture of {{.ID}}" loading="lazy"></a>
<b>{{.ID}}</b> {{.State}}{{with .Fault}}<br>{{.}}{{end}}</li>{{end}}
</ul>{{else}}<p>No cameras yet. Add one: <code>frameport camera add NAME rtsp://HOST/PATH</code></p>{{end}}
<p>Newest picture: <code>/api/CAMERA/latest.jpg?h=&amp;w=&amp;quality=</code>, video: <code>/api/CAMERA?fps=&amp;h=</code></p>
</body></html>
`

// page is the list of cameras for people.
type page struct {
	template *template.Template
	policy   string // Content-Security-Policy
}

func newPage() *page {
	sum := sha256.Sum256([]byte(pageStyle))
	return &page{
		template: template.Must(template.New("page").Parse(pageText)),
		policy: "default-src 'none'; img-src 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

type pageCamera struct{ ID, State, Fault string }

// index serves the page.
func (s *Server) index(w http.ResponseWriter, r *http.Request) {
	var cameras []pageCamera
	caller := auth.FromContext(r.Context())
	for _, c := range s.cfg.Cameras.List() {
		if caller.Sees(server.View, c.ID, c.Spec.Labels) {
			cameras = append(cameras, pageCamera{c.ID, c.State.String(), server.Disclosed(caller, c).Fault.Message})
		}
	}
	var body bytes.Buffer
	err := s.page.template.Execute(&body, map[string]any{"Style": template.CSS(pageStyle), "Cameras": cameras}) //nolint:gosec // a constant of ours
	if err != nil {
		s.cfg.Logger.ErrorContext(r.Context(), "page not made", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", s.page.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // the client may be gone
	}
}
