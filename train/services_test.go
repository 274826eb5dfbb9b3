package train

import (
	"math"
	"strings"
	"testing"
)

func TestRemarksHoldNoNaN(t *testing.T) {
	notes, unidentified := remarks([]Service{{Name: "rare", Endpoints: 3, Variation: Number(math.NaN()), Unidentified: true}})
	if len(unidentified) != 1 || len(notes) != 1 || strings.Contains(notes[0], "NaN") || !strings.Contains(notes[0], "too few decisions") {
		t.Errorf("notes %q, unidentified %q; want words for an unknown variation", notes, unidentified)
	}
}
