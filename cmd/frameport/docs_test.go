package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/shm"
)

// root is the repository.
const root = "../.."

// block is a fenced block of a document.
type block struct {
	file     string
	language string
	lines    []string
}

// documents returns the tracked Markdown files, as paths from root with their text.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() && (rel == "build" || rel == "shared" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && rel != ".") {
			return filepath.SkipDir
		}
		if filepath.Ext(p) == ".md" {
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			docs[filepath.ToSlash(rel)] = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) < 8 || docs["README.md"] == "" || docs["docs/guide/api.md"] == "" {
		t.Fatalf("found only %d documents", len(docs))
	}
	return docs
}

// split divides a document into its fenced blocks and the text around them.
func split(file, text string) (blocks []block, prose string) {
	var out strings.Builder
	var open *block
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			open = &block{file: file, language: fence}
		case isFence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		default:
			out.WriteString(line + "\n")
		}
	}
	return blocks, out.String()
}

func TestLinksInDocumentsResolve(t *testing.T) {
	docs := documents(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	checked := 0
	for file, text := range docs {
		_, prose := split(file, text)
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			target, anchor, hasAnchor := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checked++
			to := file
			if target != "" {
				to = path.Join(path.Dir(file), target)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: link to %s: there is no %s", file, m[1], to)
				continue
			}
			if hasAnchor && !slices.Contains(anchors(docs[to]), anchor) {
				t.Errorf("%s: link to %s: no heading with this anchor", file, m[1])
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links found; does the pattern still match?", checked)
	}
}

// anchors returns the anchors of a document's headings, as GitHub makes them.
func anchors(text string) (out []string) {
	_, prose := split("", text)
	drop := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for line := range strings.Lines(prose) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			heading = drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			out = append(out, strings.ReplaceAll(heading, " ", "-"))
		}
	}
	return out
}

// TestCommandLinesInDocuments parses every frameport command that a document shows
// with the grammar of the program. Nothing is run.
func TestCommandLinesInDocuments(t *testing.T) {
	for _, name := range []string{"FRAMEPORT_ADDRESS", "FRAMEPORT_CONFIG", "FRAMEPORT_STATE_DIR"} {
		t.Setenv(name, "") // what is parsed must not depend on the developer's own
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	shown := 0
	for file, text := range documents(t) {
		blocks, prose := split(file, text)
		var commands []string
		for _, b := range blocks {
			commands = append(commands, b.commands()...)
		}
		for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(prose, -1) {
			commands = append(commands, m[1])
		}
		for _, command := range commands {
			for _, args := range invocations(command) {
				shown++
				if err := parses(args); err != nil {
					t.Errorf("%s: %s\n\t%v", file, command, err)
				}
			}
		}
	}
	if shown < 40 {
		t.Errorf("only %d command lines found; does the pattern still match?", shown)
	}
}

// commands returns the command lines of a block: all lines of sh, those behind a
// prompt of console.
func (b block) commands() (out []string) {
	continued := false
	for _, line := range b.lines {
		switch {
		case continued:
			out[len(out)-1] += " " + strings.TrimSpace(line)
		case b.language == "sh":
			out = append(out, line)
		case b.language == "console" && strings.HasPrefix(line, "$ "):
			out = append(out, line[2:])
		default:
			continue
		}
		last := &out[len(out)-1]
		if continued = strings.HasSuffix(*last, "\\"); continued {
			*last = strings.TrimSuffix(*last, "\\")
		}
	}
	return out
}

// invocations returns the arguments of each frameport in a shell command line.
func invocations(line string) (out [][]string) {
	var words []string
	end := func() {
		for len(words) > 0 && regexp.MustCompile(`^[A-Z0-9_]+=`).MatchString(words[0]) {
			words = words[1:]
		}
		if len(words) > 1 && path.Base(words[0]) == "frameport" {
			out = append(out, words[1:])
		}
		words = nil
	}
	word, inWord, quote := "", false, rune(0)
	flush := func() {
		if inWord {
			words = append(words, word)
		}
		word, inWord = "", false
	}
scan:
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == '#' && !inWord:
			break scan
		case r == ' ' || r == '\t':
			flush()
		case strings.ContainsRune("|;&", r):
			flush()
			end()
		default:
			word, inWord = word+string(r), true
		}
	}
	flush()
	end()
	for i, args := range out { // redirections are the shell's
		if at := slices.IndexFunc(args, func(a string) bool { return strings.ContainsAny(a[:min(1, len(a))], "<>") }); at >= 0 {
			out[i] = args[:at]
		}
	}
	return out
}

func parses(args []string) error {
	if slices.Contains(args, "--help") {
		return nil
	}
	if args[0] == "camera" && len(args) == 1 { // the name of a group of commands
		return nil
	}
	var c cli
	parser, err := kong.New(&c, kong.Name("frameport"), kong.Writers(io.Discard, io.Discard), kong.Vars{"version": version})
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	return err
}

func TestInvocations(t *testing.T) {
	for line, want := range map[string][]string{
		`frameport camera list`:                             {"camera list"},
		`A_1=b build/frameport watch -l 'a=b,!c' # comment`: {"watch -l a=b,!c"},
		`printf x | frameport camera add a b --json > f`:    {"camera add a b --json"},
		`cd x && sudo frameport serve; frameport doctor`:    {"doctor"},
		`echo frameport`: nil,
		`frameport`:      nil,
		`frameport serve --state-dir '' --http-address "off"`: {"serve --state-dir  --http-address off"},
	} {
		var got []string
		for _, args := range invocations(line) {
			got = append(got, strings.Join(args, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	for _, wrong := range []string{"camera add a", "serve --nonsense", "camera update a --decode sometimes", "watch --max-fps x"} {
		if parses(strings.Fields(wrong)) == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

// TestCodeInGuideIsFromExamples keeps the code that the guide shows equal to
// programs that are compiled and run: the lines of a block must stand in one
// example, in that order; the guide may leave lines out. Those in Python are the
// blocks of the package's README, which the package's own tests run.
func TestCodeInGuideIsFromExamples(t *testing.T) {
	sources := map[string][][]string{}
	for language, pattern := range map[string]string{"go": "examples/go/*/*.go", "python": "clients/python/README.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no examples in %s: %v", pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources[language] = append(sources[language], trimmed(strings.Split(string(text), "\n")))
		}
	}
	docs := documents(t)
	blocks, _ := split("api.md", docs["docs/guide/api.md"])
	more, _ := split("inference.md", docs["docs/guide/inference.md"])
	blocks = append(blocks, more...)
	found := 0
	for _, b := range blocks {
		if sources[b.language] == nil {
			continue
		}
		found++
		if !slices.ContainsFunc(sources[b.language], func(source []string) bool { return within(trimmed(b.lines), source) }) {
			t.Errorf("%s: this is in no example:\n%s", b.file, strings.Join(b.lines, "\n"))
		}
	}
	if found < 4 {
		t.Errorf("only %d blocks of code found", found)
	}
}

func trimmed(lines []string) (out []string) {
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// within reports whether part is a subsequence of whole.
func within(part, whole []string) bool {
	for _, line := range whole {
		if len(part) > 0 && part[0] == line {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// TestYAMLInGuideIsValid starts nothing: it reads the annotated camera file.
func TestYAMLInGuideIsValid(t *testing.T) {
	blocks, _ := split("cameras.md", documents(t)["docs/guide/cameras.md"])
	at := slices.IndexFunc(blocks, func(b block) bool { return b.language == "yaml" })
	if at < 0 {
		t.Fatal("cameras.md shows no YAML")
	}
	file := filepath.Join(t.TempDir(), "cameras.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(blocks[at].lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	c := serveCmd{Config: file}
	settings, declared, _, err := c.settings(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(declared) != 3 || settings.MaxCameras != 64 {
		t.Errorf("%d cameras, settings %+v", len(declared), settings)
	}
}

// TestGoExamplesRun builds the examples and runs each against a worker with the
// cameras of the demo.
func TestGoExamplesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+string(filepath.Separator), "./examples/go/...", "./internal/kservetest/means")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cameras, declared, err := (&demoCmd{RTSPAddress: "127.0.0.1:0"}).cameras()
	if err != nil {
		t.Fatal(err)
	}
	models := startMeans(t, filepath.Join(bin, "means"))
	settings := config.Worker{
		GRPCAddress: "127.0.0.1:0", HTTPAddress: httpOff,
		InferenceServers: []config.InferenceServer{{Name: "means", Address: models}},
		CameraAddresses:  config.CameraAddresses{Loopback: true},
	}
	settings.EnsureDefaults()
	settings.Limits.NoRationing = true
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- runWorker(ctx, workerConfig{
			settings: settings, declared: declared, log: slog.New(slog.DiscardHandler),
			ready: func(grpc, _ net.Addr) { ready <- grpc },
		})
	}()
	defer func() {
		stop()
		if err := errors.Join(<-ended, cameras.Close()); err != nil {
			t.Error(err)
		}
	}()
	var address string
	select {
	case at := <-ready:
		address = at.String()
	case err := <-ended:
		ended <- err
		t.Fatal("worker ended")
	}
	example := func(name string, args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), filepath.Join(bin, name), append([]string{"-address", address}, args...)...).CombinedOutput()
		return string(out), err
	}
	picture := filepath.Join(t.TempDir(), "street.jpg")
	if out, err := example("latest", "street", picture); err != nil || !strings.Contains(out, "640x360") {
		t.Errorf("latest: %v, %q", err, out)
	}
	if data, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(data), "\xff\xd8") {
		t.Errorf("latest wrote no JPEG: %v", err)
	}
	if out, err := example("latest", "nosuch", picture); err == nil || !strings.Contains(out, "there is no such camera") {
		t.Errorf("latest of a camera that is not there: %v, %q", err, out)
	}
	if out, err := example("watch", "-frames", "3", "street"); err != nil || strings.Count(out, "street 1/") != 3 {
		t.Errorf("watch: %v, %q", err, out)
	}
	if out, err := example("batches", "-batches", "3", "street"); err != nil || strings.Count(out, ": street 1/") != 3 || !strings.Contains(out, " of 1280x720") {
		t.Errorf("batches: %v, %q", err, out)
	}
	if out, err := example("share", "-frames", "3", "street"); err != nil || strings.Count(out, "street 1/") != 3 || !strings.Contains(out, "I420 1280x720") {
		t.Errorf("share: %v, %q", err, out)
	}
	if unix.Access(shm.Names, unix.W_OK) != nil {
		t.Log("inferences was not run: " + shm.Names + " can't be written to")
	} else if out, err := example("inferences", "-model", "means", "-size", "64", "-answers", "3", "street"); err != nil || strings.Count(out, ": street 1/") != 3 || !strings.Contains(out, "mean FP32 [1 3]") {
		t.Errorf("inferences: %v, %q", err, out)
	}
	if out, err := example("status"); err != nil || strings.Count(out, "CAMERA_STATE_") != len(declared) {
		t.Errorf("status: %v, %q", err, out)
	}
}

// startMeans runs the inference server that the guide tries models with, and returns its
// address.
func startMeans(t *testing.T, program string) string {
	t.Helper()
	server := exec.CommandContext(t.Context(), program, "-address", "127.0.0.1:0", "-size", "64")
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("means: %v, want an end in good order", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	at := regexp.MustCompile(`on (127\.0\.0\.1:\d+);`).FindStringSubmatch(line)
	if at == nil {
		t.Fatalf("means says %q", line)
	}
	return at[1]
}
