// Reads dashboards with the types that Grafana publishes, and names each field that these do not have, lack or cannot read.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// What is wrong with a dashboard, and how many panels it has.
func check(raw []byte) (int, error) {
	var strict, lenient dashboard.Dashboard
	if err := fault(strict.UnmarshalJSONStrict(raw)); err != nil {
		return 0, err
	}
	// The strict reading leaves out panels, and looks into no field configuration but a panel's own part of it.
	if err := json.Unmarshal(raw, &lenient); err != nil {
		return 0, err
	}
	var parts struct {
		Panels []struct {
			Title       string          `json:"title"`
			Type        string          `json:"type"`
			FieldConfig json.RawMessage `json:"fieldConfig"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return 0, err
	}
	for _, panel := range parts.Panels {
		if _, found := cog.ConfigForPanelcfgVariant(panel.Type); !found {
			return 0, fmt.Errorf("panel %q: Grafana has no panel of type %q", panel.Title, panel.Type)
		}
		var config dashboard.FieldConfigSource
		if err := fault(config.UnmarshalJSONStrict(panel.FieldConfig)); err != nil {
			return 0, fmt.Errorf("panel %q: fieldConfig: %w", panel.Title, err)
		}
	}
	return len(lenient.Panels), fault(lenient.Validate())
}

// The readers give an empty list of faults where there is none.
func fault(err error) error {
	var all cog.BuildErrors
	if errors.As(err, &all) && len(all) == 0 {
		return nil
	}
	return err
}

func main() {
	plugins.RegisterDefaultPlugins()
	code := 0
	for _, path := range os.Args[1:] {
		raw, err := os.ReadFile(path)
		panels := 0
		if err == nil {
			panels, err = check(raw)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			code = 1
			continue
		}
		fmt.Printf("%s: %d panels are valid\n", path, panels)
	}
	os.Exit(code)
}
