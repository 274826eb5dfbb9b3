package rules

import "testing"

// TestReadCondition: what the API says of a condition makes the same again.
func TestReadCondition(t *testing.T) {
	for part := Header; part <= Zone; part++ {
		for op := Exact; op <= PathPrefix; op++ {
			c, err := ReadCondition(part.Word(), "x", op.String(), "a", false, false)
			if err != nil || c.Of != part || c.Name != "x" || c.Pattern.Op != op || c.Pattern.Value != "a" {
				t.Errorf("%s %s: %+v, %v", part.Word(), op, c, err)
			}
		}
	}
	if c, err := ReadCondition("header", "End-User", "regex", "j.*", false, false); err != nil || c.Name != "end-user" || !c.Pattern.Matches("jason", true) {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range [][3]string{{"moon", "exact", ""}, {"path", "like", ""}, {"path", "regex", "("}} {
		if _, err := ReadCondition(bad[0], "", bad[1], bad[2], false, false); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}
