package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// environPrefix begins the variables that declare cameras.
const environPrefix = "CAMERA_URL_"

// maxEnviron is the highest number of such a variable.
const maxEnviron = 9999

// FromEnviron reads cameras from CAMERA_URL_1, CAMERA_URL_2, … in environ (see
// [os.Environ]). Variable n declares camera-n; a user name and password may be in
// the URL. Gaps and empty variables are allowed and come back as notes for the log.
// All problems come at once as [*Problems], whose fields are the variables' names.
func FromEnviron(environ []string) (cameras []Declared, notes []string, err error) {
	problems := &Problems{}
	found := map[int]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		digits, ok := strings.CutPrefix(name, environPrefix)
		if !ok {
			continue
		}
		n, convErr := strconv.Atoi(digits)
		if convErr != nil || n < 1 || n > maxEnviron || strconv.Itoa(n) != digits {
			problems.Add(name, ReasonURL, "is not a number from 1 to %d after %s; rename it", maxEnviron, environPrefix)
			continue
		}
		if strings.TrimSpace(value) == "" {
			notes = append(notes, name+" is empty and ignored")
			continue
		}
		found[n] = value
	}
	numbers := make([]int, 0, len(found))
	for n := range found {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	next := 1
	for _, n := range numbers {
		name := environPrefix + strconv.Itoa(n)
		switch missing := n - next; {
		case missing == 1:
			notes = append(notes, fmt.Sprintf("%s%d is not set, but %s is", environPrefix, next, name))
		case missing > 1:
			notes = append(notes, fmt.Sprintf("%s%d to %s%d are not set, but %s is", environPrefix, next, environPrefix, n-1, name))
		}
		next = n + 1
		d := Declared{ID: "camera-" + strconv.Itoa(n), Spec: Camera{URL: found[n]}, Origin: name}
		one := &Problems{}
		collect(one, name, d.ID, &d.Spec)
		for _, p := range one.List {
			p.Field = name
			problems.List = append(problems.List, p)
		}
		cameras = append(cameras, d)
	}
	if err := problems.ErrorOrNil(); err != nil {
		return nil, notes, fmt.Errorf("environment: %w", err)
	}
	slices.Sort(notes)
	return cameras, notes, nil
}

// MergeDeclared joins cameras from several places. An id that is declared twice is
// an error that names both places.
func MergeDeclared(lists ...[]Declared) ([]Declared, error) {
	problems := &Problems{}
	origin := map[string]string{}
	var all []Declared
	for _, list := range lists {
		for _, d := range list {
			if first, twice := origin[d.ID]; twice {
				problems.Add("cameras."+d.ID, ReasonCameraID, "is declared in %s and in %s; keep one", first, d.Origin)
				continue
			}
			origin[d.ID] = d.Origin
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Declared) int { return strings.Compare(a.ID, b.ID) })
	return all, problems.ErrorOrNil()
}
