// Package observability holds the alerts, their runbooks, the dashboard and the documents to each other.
package observability

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// metrics are the names that the operator exports, as its documentation tells them.
func metrics(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| `([a-z][a-z0-9]*(?:_[a-z0-9]+)+)` \\| (?:counter|gauge|histogram) \\|")
	for _, match := range row.FindAllStringSubmatch(read(t, "docs/observability.md"), -1) {
		names[match[1]] = true
	}
	if len(names) < 20 {
		t.Fatalf("only %d metrics are known: %v", len(names), names)
	}
	return names
}

// query is one expression, taken apart.
type query struct {
	expr      parser.Expr
	selectors []*parser.VectorSelector
	grouping  map[string]bool
}

func parse(t *testing.T, where, text string) query {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %v\n%s", where, err, text)
	}
	q := query{expr: expr, grouping: map[string]bool{}}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			q.selectors = append(q.selectors, node)
		case *parser.AggregateExpr:
			for _, label := range node.Grouping {
				q.grouping[label] = true
			}
		}
		return nil
	})
	return q
}

// base is the name under which a series is documented: that of its histogram, if it is one.
func base(name string, known map[string]bool) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if whole, found := strings.CutSuffix(name, suffix); found && known[whole] {
			return whole
		}
	}
	return name
}

func (q query) checkNames(t *testing.T, where string, known map[string]bool) {
	t.Helper()
	for _, selector := range q.selectors {
		if name := base(selector.Name, known); !known[name] {
			t.Errorf("%s: no such metric: %s", where, name)
		}
	}
}

// matches tells whether a selector takes a value of a label, whatever the other labels are.
func matches(selector *parser.VectorSelector, label, value string) bool {
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name == label && !matcher.Matches(value) {
			return false
		}
	}
	return true
}

// constrains tells whether a selector says anything about a label.
func constrains(selector *parser.VectorSelector, label string) bool {
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name == label && (matcher.Type != labels.MatchEqual || matcher.Value != "") {
			return true
		}
	}
	return false
}
