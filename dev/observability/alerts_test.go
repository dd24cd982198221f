package observability

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

const (
	rulesFile    = "charts/dataworks-operator/files/prometheus-rules.yaml"
	runbooks     = "docs/runbooks"
	runbooksHome = "https://github.com/dataworks-operator/dataworks-operator/blob/main/docs/runbooks/"
)

type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func rules(t *testing.T) map[string]rule {
	t.Helper()
	var document struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(read(t, rulesFile)), &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]rule{}
	for _, group := range document.Groups {
		for _, rule := range group.Rules {
			if _, twice := found[rule.Alert]; twice {
				t.Errorf("%s stands twice", rule.Alert)
			}
			found[rule.Alert] = rule
		}
	}
	if len(found) == 0 {
		t.Fatal("no rules")
	}
	return found
}

func TestEachAlertSaysWhatItHasTo(t *testing.T) {
	known := metrics(t)
	for name, rule := range rules(t) {
		if !strings.HasPrefix(name, "DataWorks") {
			t.Errorf("%s: the name does not begin with DataWorks", name)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, rule.Labels["severity"]) {
			t.Errorf("%s: severity %q", name, rule.Labels["severity"])
		}
		if rule.Annotations["runbook_url"] != runbooksHome+name+".md" {
			t.Errorf("%s: runbook_url %q", name, rule.Annotations["runbook_url"])
		}
		if summary := rule.Annotations["summary"]; summary == "" || strings.Contains(summary, "{{") {
			t.Errorf("%s: the summary has to be one text for all its alerts: %q", name, summary)
		}
		query := parse(t, name, rule.Expr)
		query.checkNames(t, name, known)
		text := rule.Annotations["description"]
		for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
			if !query.grouping[label[1]] {
				t.Errorf("%s: the description names %s, which the expression drops", name, label[1])
			}
		}
	}
}

// Series that every controller exports have to be told from ours: by the label `controller`, or by standing beside
// `dataworks_build_info`, or by being joined to what was.
func TestAlertsAskForOurSeriesOnly(t *testing.T) {
	for name, rule := range rules(t) {
		query := parse(t, name, rule.Expr)
		joined := strings.Contains(rule.Expr, "on (cluster, job, instance)")
		for _, selector := range query.selectors {
			ours := strings.HasPrefix(selector.Name, "dataworks_")
			if !ours && !constrains(selector, "controller") && !joined {
				t.Errorf("%s: %s may be of any controller", name, selector.Name)
			}
		}
	}
}

func TestEachAlertHasItsRunbookAndEachRunbookItsAlert(t *testing.T) {
	alerts := rules(t)
	index := read(t, runbooks+"/README.md")
	for name, rule := range alerts {
		page := read(t, runbooks+"/"+name+".md")
		at := 0
		for _, heading := range []string{"# " + name + "\n", "\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "\n## Mitigation\n"} {
			next := strings.Index(page[at:], heading)
			if next < 0 {
				t.Errorf("%s.md: %q is missing or out of order", name, heading)
				break
			}
			at += next
		}
		row := "| [" + name + "](" + name + ".md) | " + rule.Labels["severity"] + " |"
		if !strings.Contains(index, row) {
			t.Errorf("README.md of the runbooks has no row %q", row)
		}
	}
	pages, err := filepath.Glob(filepath.Join(root, runbooks, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if _, found := alerts[name]; !found && name != "README" {
			t.Errorf("%s.md belongs to no alert", name)
		}
	}
}

// What a person is told to ask Prometheus at night has to be valid, and of metrics that exist.
func TestQueriesInRunbooksAreValid(t *testing.T) {
	known := metrics(t)
	known["up"] = true
	fence := regexp.MustCompile("(?s)```promql\n(.*?)```")
	count := 0
	pages, _ := filepath.Glob(filepath.Join(root, runbooks, "*.md"))
	for _, page := range pages {
		name := filepath.Base(page)
		for _, block := range fence.FindAllStringSubmatch(read(t, runbooks+"/"+name), -1) {
			for line := range strings.Lines(block[1]) {
				if strings.TrimSpace(line) == "" {
					continue
				}
				parse(t, name, line).checkNames(t, name, known)
				count++
			}
		}
	}
	if count < len(rules(t)) {
		t.Errorf("only %d queries were found", count)
	}
}

type alertCase struct {
	Alertname string
	ExpAlerts []any `yaml:"exp_alerts"`
}

func TestEachAlertIsSeenToFireAndToStaySilent(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{}
	files, err := filepath.Glob("*_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := rules(t)
	for _, file := range files {
		var document struct {
			Tests []struct {
				Cases []alertCase `yaml:"alert_rule_test"`
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, "dev/observability/"+file)), &document); err != nil {
			t.Fatal(err)
		}
		for _, test := range document.Tests {
			fired := map[string]bool{}
			for _, c := range test.Cases {
				if _, found := alerts[c.Alertname]; !found {
					t.Errorf("%s: no such alert: %s", file, c.Alertname)
				}
				if len(c.ExpAlerts) > 0 {
					fires[c.Alertname], fired[c.Alertname] = true, true
				}
			}
			for _, c := range test.Cases {
				if !fired[c.Alertname] {
					silent[c.Alertname] = true
				}
			}
		}
	}
	for name := range alerts {
		if !fires[name] || !silent[name] {
			t.Errorf("%s: seen to fire: %t; seen to stay silent on series of its own: %t", name, fires[name], silent[name])
		}
	}
}

var tableRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\|")

func section(t *testing.T, text, from, to string) string {
	t.Helper()
	_, after, found := strings.Cut(text, from)
	before, _, ends := strings.Cut(after, to)
	if !found || !ends {
		t.Fatalf("docs/errors.md has no part from %q to %q", from, to)
	}
	return before
}

func selectorsOf(t *testing.T, alert, metric, label string) []*parser.VectorSelector {
	t.Helper()
	var found []*parser.VectorSelector
	for _, selector := range parse(t, alert, rules(t)[alert].Expr).selectors {
		if selector.Name == metric && constrains(selector, label) {
			found = append(found, selector)
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s asks for no %s by %s", alert, metric, label)
	}
	return found
}

// Every reason of docs/errors.md is told by exactly one alert, or by none on purpose.
func TestEachReasonIsToldOnce(t *testing.T) {
	byNone := map[string]string{
		"Succeeded": "", "Queued": "waiting for us is no failure", "Suspended": "a person wants it so",
		"Deleting":         "DataWorksDeletionStuck has its age",
		"AwaitingApproval": "a person takes the time that it takes",
		"OutcomeUnknown":   "DataWorksCreateOutcomeUnknown has its number",
	}
	bySynced := map[string]string{
		"MassAbsence": "DataWorksMassAbsence", "Drifted": "DataWorksDriftDetected",
		"DuplicateInWorkspace": "DataWorksDuplicateInWorkspace", "CheckFailed": "DataWorksCheckFailed",
		// These two stand beside a Ready that tells it.
		"NotFound": "", "NotFoundInWorkspace": "",
	}
	table := section(t, read(t, "docs/errors.md"), "## Reasons", "## Codes")
	rows := tableRow.FindAllStringSubmatch(table, -1)
	if len(rows) < 20 {
		t.Fatalf("only %d reasons were found", len(rows))
	}
	for _, row := range rows {
		reason := row[1]
		var tellers []string
		if strings.Contains(row[2], "said by `Synced`") || reason == "NotFoundInWorkspace" {
			for _, alert := range []string{"DataWorksMassAbsence", "DataWorksDriftDetected", "DataWorksDuplicateInWorkspace", "DataWorksCheckFailed"} {
				for _, selector := range selectorsOf(t, alert, "dataworks_resources_out_of_sync", "reason") {
					if matches(selector, "reason", reason) {
						tellers = append(tellers, alert)
					}
				}
			}
			if want := bySynced[reason]; strings.Join(tellers, ", ") != want {
				t.Errorf("%s of Synced is told by %v, not by %s", reason, tellers, want)
			}
			if reason != "NotFoundInWorkspace" {
				continue
			}
			tellers = nil
		}
		for _, alert := range []string{"DataWorksResourceNotReady", "DataWorksResourceStalled", "DataWorksPublishFailed", "DataWorksAccessDenied"} {
			for _, selector := range selectorsOf(t, alert, "dataworks_resources", "reason") {
				if matches(selector, "reason", reason) {
					tellers = append(tellers, alert)
				}
			}
		}
		want := 1
		if _, none := byNone[reason]; none {
			want = 0
		}
		// What is ready is filtered by the label `ready`.
		if reason != "Succeeded" && len(tellers) != want {
			t.Errorf("%s is told by %v", reason, tellers)
		}
	}
}

// Every code of docs/errors.md counts where its class belongs.
func TestEachCodeCountsWhereItBelongs(t *testing.T) {
	text := read(t, "docs/errors.md")
	rows := tableRow.FindAllStringSubmatch(section(t, text, "## Codes", "`Family.*`"), -1)
	if len(rows) < 30 {
		t.Fatalf("only %d codes were found", len(rows))
	}
	denied := selectorsOf(t, "DataWorksAccessDenied", "dataworks_api_requests_total", "code")[0]
	failed := selectorsOf(t, "DataWorksApiErrorRatio", "dataworks_api_requests_total", "code")
	// A refusal that is the document's is told by its object.
	documents := regexp.MustCompile(`^(Missing\*|InvalidParameter\*|58014884415\*|5801489541076353033)$`)
	for _, row := range rows {
		code, class := row[1], strings.TrimSpace(row[2])
		if got, want := matches(denied, "code", code), class == "access denied"; got != want {
			t.Errorf("%s (%s) counts as refused access: %t", code, class, got)
		}
		var want bool
		switch class {
		case "may pass":
			want = true
		case "refused":
			want = !documents.MatchString(code)
		case "throttled", "used up", "access denied", "absence":
			want = false
		default:
			t.Fatalf("%s: a class that the alerts do not know: %q", code, class)
		}
		for _, selector := range failed {
			if got := matches(selector, "code", code); got != want {
				t.Errorf("%s (%s) counts as a failed call: %t", code, class, got)
			}
		}
	}
	own := section(t, text+"\n## ", "Words of the operator", "\n## ")
	for _, word := range []string{"ConnectionFailed", "ConnectionLost", "TimedOut", "UnreadableAnswer", "AnswerTooLarge", "Unsuccessful", "Http4xx", "Http5xx", "other"} {
		if !strings.Contains(own, "`"+word+"`") && !strings.HasPrefix(word, "Http") && word != "other" {
			t.Errorf("docs/errors.md does not know %s", word)
		}
		for _, selector := range failed {
			if !matches(selector, "code", word) {
				t.Errorf("%s does not count as a failed call", word)
			}
		}
	}
	for _, selector := range failed {
		if matches(selector, "code", "ok") {
			t.Error("good answers count as failed calls")
		}
	}
}

// A search of the log finds nothing when the operator says it in other words.
func TestRunbooksSearchForWhatTheLogSays(t *testing.T) {
	var source strings.Builder
	err := filepath.WalkDir(filepath.Join(root, "src"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".rs") {
			return err
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Literals are broken over lines where they are long.
	says := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(source.String(), "")
	search := regexp.MustCompile(`\| grep (?:-\S+ )*'([^']+)'`)
	count := 0
	pages, _ := filepath.Glob(filepath.Join(root, runbooks, "*.md"))
	for _, page := range pages {
		name := filepath.Base(page)
		for line := range strings.Lines(read(t, runbooks+"/"+name)) {
			if !strings.Contains(line, " logs -l ") {
				continue
			}
			for _, found := range search.FindAllStringSubmatch(line, -1) {
				if strings.HasPrefix(found[1], `"level"`) {
					continue
				}
				for phrase := range strings.SplitSeq(found[1], "|") {
					count++
					if !strings.Contains(says, phrase) {
						t.Errorf("%s: the log never says %q", name, phrase)
					}
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d phrases were found", count)
	}
}

func TestQueriesForSingleObjectsAreValid(t *testing.T) {
	page := read(t, "docs/observability-per-object.md")
	known := map[string]bool{}
	for _, name := range regexp.MustCompile("`(dataworks(?:resource|workspace)_[a-z_]+)`").FindAllStringSubmatch(page, -1) {
		known[name[1]] = true
	}
	blocks := regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(page, -1)
	if len(blocks) == 0 {
		t.Fatal("no queries")
	}
	for _, block := range blocks {
		parse(t, "observability-per-object.md", block[1]).checkNames(t, "observability-per-object.md", known)
	}
}
