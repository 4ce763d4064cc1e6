package config

// maxCameraID is the longest camera id in characters: that of a DNS label.
const maxCameraID = 63

// ValidCameraID checks id against [a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?. The error
// is a [*Problems] for field camera_id.
func ValidCameraID(id string) error {
	p := &Problems{}
	const field, rule = "camera_id", "use 1 to 63 characters of a-z, 0-9, - and _, beginning and ending with a letter or digit"
	switch {
	case id == "":
		p.Add(field, ReasonCameraID, "is empty; %s", rule)
	case len(id) > maxCameraID:
		p.Add(field, ReasonCameraID, "is %d bytes long, %d are allowed; choose a shorter id", len(id), maxCameraID)
	default:
		for i, r := range id {
			if !idRune(r) {
				p.Add(field, ReasonCameraID, "has character %q at position %d; %s", r, i+1, rule)
				return p
			}
		}
		for _, end := range []byte{id[0], id[len(id)-1]} {
			if end == '-' || end == '_' {
				p.Add(field, ReasonCameraID, "begins or ends with %q; %s", rune(end), rule)
				return p
			}
		}
	}
	return p.ErrorOrNil()
}

func idRune(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}
