package archtest

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
)

// Violation is one place that breaks a rule.
type Violation struct {
	Rule string // name of the rule, as in Rules
	Path string
	Line int
	Text string // what is wrong, and what to do instead
}

func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s (%s)", v.Path, v.Line, v.Text, v.Rule)
}

// rule is one named check. Its check calls report for every violation.
type rule struct {
	name  string
	check func(t *Tree, report reporter)
}

// reporter takes one violation: where, and what.
type reporter func(pos token.Pos, format string, args ...any)

// rules lists every rule of the repository.
func rules() []rule {
	return []rule{
		{"levels", checkLevels},
		{"libraries", checkLibraries},
		{"cgo", checkCgo},
		{"linking", checkLinking},
		{"file-length", checkFileLength},
		{"doc", checkDoc},
		{"init", checkInit},
		{"package-variable", checkPackageVariables},
		{"struct-field", checkFields},
		{"finalizer", checkFinalizers},
		{"error-comparison", checkErrorComparison},
		{"sleep-in-test", checkSleep},
		{"goleak", checkGoleak},
		{"secrets", checkSecrets},
		{"programs", checkPrograms},
		{"ffmpeg", checkNarrow},
	}
}

// Check applies every rule and returns what it finds, ordered by place.
func Check(t *Tree) []Violation {
	var found []Violation
	for _, r := range rules() {
		r.check(t, func(pos token.Pos, format string, args ...any) {
			p := t.Fset.Position(pos)
			found = append(found, Violation{Rule: r.name, Path: p.Filename, Line: p.Line, Text: fmt.Sprintf(format, args...)})
		})
	}
	slices.SortStableFunc(found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return found
}
