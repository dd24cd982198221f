package observability

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
)

const dashboardFile = "charts/dataworks-operator/files/dashboard.json"

type source struct{ Type, UID string }

type place struct{ H, W, X, Y int }

type target struct {
	RefID        string
	Expr         string
	LegendFormat string
	Datasource   source
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  source
	GridPos     place
	Targets     []target
	FieldConfig struct{ Defaults struct{ Unit string } }
}

type variable struct {
	Name       string
	Type       string
	Definition string
	Datasource source
	Multi      bool
	IncludeAll bool
	AllValue   string
}

type dashboard struct {
	UID         string
	Panels      []panel
	Templating  struct{ List []variable }
	Annotations struct{ List []target }
}

func board(t *testing.T) (dashboard, string) {
	t.Helper()
	text := read(t, dashboardFile)
	var board dashboard
	if err := json.Unmarshal([]byte(text), &board); err != nil {
		t.Fatal(err)
	}
	if len(board.Panels) == 0 {
		t.Fatal("no panels")
	}
	return board, text
}

var ours = source{Type: "prometheus", UID: "${datasource}"}

// concrete puts values in place of Grafana's variables.
func concrete(expr string) string {
	expr = strings.ReplaceAll(expr, "$__rate_interval", "5m")
	return regexp.MustCompile(`\$(cluster|job|namespace|workspace)\b`).ReplaceAllString(expr, ".*")
}

func TestPanelsAreWhole(t *testing.T) {
	board, _ := board(t)
	seen, titles := map[int]bool{}, map[string]bool{}
	for _, panel := range board.Panels {
		where := fmt.Sprintf("panel %d (%s)", panel.ID, panel.Title)
		if panel.ID <= 0 || seen[panel.ID] {
			t.Errorf("%s: the id is not its own", where)
		}
		seen[panel.ID] = true
		if panel.Type == "row" {
			titles = map[string]bool{}
			continue
		}
		if panel.Title == "" || titles[panel.Title] {
			t.Errorf("%s: the title is not its own in this row", where)
		}
		titles[panel.Title] = true
		if !strings.HasSuffix(panel.Description, ".") {
			t.Errorf("%s: no description in sentences: %q", where, panel.Description)
		}
		if panel.FieldConfig.Defaults.Unit == "" {
			t.Errorf("%s: no unit", where)
		}
		if panel.Datasource != ours {
			t.Errorf("%s: data source %v", where, panel.Datasource)
		}
		if len(panel.Targets) == 0 {
			t.Errorf("%s: no query", where)
		}
		refs := map[string]bool{}
		for _, target := range panel.Targets {
			if target.RefID == "" || refs[target.RefID] {
				t.Errorf("%s: refId %q is not its own", where, target.RefID)
			}
			refs[target.RefID] = true
			if target.Datasource != ours {
				t.Errorf("%s: a query's data source is %v", where, target.Datasource)
			}
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	board, _ := board(t)
	taken := map[[2]int]int{}
	above := 0
	for _, panel := range board.Panels {
		at := panel.GridPos
		if at.W <= 0 || at.H <= 0 || at.X < 0 || at.X+at.W > 24 {
			t.Errorf("panel %d lies outside of the grid: %+v", panel.ID, at)
		}
		if panel.Type == "row" && at.Y < above {
			t.Errorf("row %d (%s) begins above the end of the row before", panel.ID, panel.Title)
		}
		above = max(above, at.Y)
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, found := taken[[2]int{x, y}]; found {
					t.Fatalf("panels %d and %d overlap at %d, %d", other, panel.ID, x, y)
				}
				taken[[2]int{x, y}] = panel.ID
			}
		}
	}
}

func TestVariablesAreDefinedAndUsed(t *testing.T) {
	board, text := board(t)
	defined := map[string]bool{}
	for _, v := range board.Templating.List {
		defined[v.Name] = true
		uses := strings.Count(text, "$"+v.Name) + strings.Count(text, "${"+v.Name+"}")
		if uses == 0 {
			t.Errorf("$%s is not used", v.Name)
		}
		if v.Type == "query" {
			// Without an explicit value, "all" would ask for what is listed, and miss series without the label.
			if v.Datasource != ours || !v.IncludeAll || v.AllValue != ".*" {
				t.Errorf("$%s: %+v", v.Name, v)
			}
		}
	}
	for _, name := range []string{"datasource", "cluster", "namespace", "workspace"} {
		if !defined[name] {
			t.Errorf("$%s is not defined", name)
		}
	}
	for _, use := range regexp.MustCompile(`\$\{?([a-zA-Z_]+)`).FindAllStringSubmatch(text, -1) {
		if !defined[use[1]] && !strings.HasPrefix(use[1], "__") {
			t.Errorf("$%s is used and not defined", use[1])
		}
	}
}

func TestQueriesOfTheDashboardAreValid(t *testing.T) {
	board, _ := board(t)
	known := metrics(t)
	known["ALERTS"] = true
	queries := map[string]target{}
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			queries[fmt.Sprintf("panel %d (%s) %s", panel.ID, panel.Title, target.RefID)] = target
		}
	}
	for i, annotation := range board.Annotations.List {
		queries[fmt.Sprintf("annotation %d", i)] = annotation
	}
	for where, target := range queries {
		query := parse(t, where, concrete(target.Expr))
		query.checkNames(t, where, known)
		for _, selector := range query.selectors {
			if !constrains(selector, "cluster") {
				t.Errorf("%s: %s is not chosen by cluster", where, selector.Name)
			}
			mine := strings.HasPrefix(selector.Name, "dataworks_") || selector.Name == "ALERTS"
			if !mine && !constrains(selector, "controller") && !strings.Contains(target.Expr, "dataworks_build_info") {
				t.Errorf("%s: %s may be of any controller", where, selector.Name)
			}
			if strings.HasSuffix(selector.Name, "_total") && !strings.Contains(target.Expr, selector.Name+"{") {
				t.Errorf("%s: %s is not chosen at all", where, selector.Name)
			}
		}
		// An aggregation keeps the labels that the legend shows.
		if len(query.grouping) > 0 {
			for _, label := range regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !query.grouping[label[1]] {
					t.Errorf("%s: the legend shows %s, which the query drops", where, label[1])
				}
			}
		}
	}
	for _, v := range board.Templating.List {
		if inner, found := strings.CutPrefix(v.Definition, "label_values("); found {
			selector := inner[:strings.LastIndex(inner, ",")]
			parse(t, "$"+v.Name, concrete(selector)).checkNames(t, "$"+v.Name, known)
		}
	}
}

// The dashboard and the alerts call the same things failures and stalled.
func TestDashboardAndAlertsAgree(t *testing.T) {
	board, _ := board(t)
	byTitle := map[string]string{}
	for _, panel := range board.Panels {
		if len(panel.Targets) > 0 && panel.Type == "stat" {
			byTitle[panel.Title] = concrete(panel.Targets[0].Expr)
		}
	}
	pairs := []struct {
		title  string
		alerts []string
		metric string
		label  string
	}{
		{"Call errors", []string{"DataWorksApiErrorRatio"}, "dataworks_api_requests_total", "code"},
		{"Stalled", []string{"DataWorksResourceStalled", "DataWorksPublishFailed"}, "dataworks_resources", "reason"},
	}
	for _, pair := range pairs {
		// What the first selector of the metric takes and leaves out, one by one.
		chosen := func(query query) []string {
			for _, selector := range query.selectors {
				if selector.Name == pair.metric && constrains(selector, pair.label) {
					var found []string
					for _, matcher := range selector.LabelMatchers {
						if matcher.Name == pair.label {
							taken := matcher.Type == labels.MatchEqual || matcher.Type == labels.MatchRegexp
							for value := range strings.SplitSeq(matcher.Value, "|") {
								found = append(found, fmt.Sprintf("%s: %t", value, taken))
							}
						}
					}
					return found
				}
			}
			return nil
		}
		shown := chosen(parse(t, pair.title, byTitle[pair.title]))
		var told []string
		for _, alert := range pair.alerts {
			told = append(told, chosen(parse(t, alert, rules(t)[alert].Expr))...)
		}
		slices.Sort(shown)
		slices.Sort(told)
		if len(shown) == 0 || !slices.Equal(shown, told) {
			t.Errorf("%q shows %q, and %v fire on %q", pair.title, shown, pair.alerts, told)
		}
	}
}
