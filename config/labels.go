package config

const (
	labelKeyRule   = "a key has 1 to 63 characters of A-Z, a-z, 0-9, '.', '_', '-' and '/', and begins and ends with a letter or digit"
	labelValueRule = "a value has 0 to 63 characters of A-Z, a-z, 0-9, '.', '_' and '-', and begins and ends with a letter or digit"
)

func validLabelKey(s string) bool { return s != "" && validLabel(s, true) }

func validLabelValue(s string) bool { return s == "" || validLabel(s, false) }

func validLabel(s string, slash bool) bool {
	if len(s) > maxLabel || !alnum(s[0]) || !alnum(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if !labelByte(s[i], slash) {
			return false
		}
	}
	return true
}

func labelByte(b byte, slash bool) bool {
	return alnum(b) || b == '.' || b == '_' || b == '-' || slash && b == '/'
}

func alnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}
