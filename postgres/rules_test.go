package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/model"
)

func TestRulesAreKeptByVersion(t *testing.T) {
	url := fresh(t)
	db, ctx := open(t, url), deadline(t)
	db.By = "ann@here"
	r := db.Rules()
	if v, err := r.Latest(ctx); err == nil || !strings.Contains(err.Error(), "fairway rules publish") {
		t.Errorf("latest of none: %v, %v; want advice", v, err)
	}
	texts := []string{"version: spring\n", "version: summer # ü\n", ""}
	for i, name := range []string{"spring", "summer", "e3b0c4429"} {
		if v, err := r.Publish(ctx, name, texts[i]); err != nil || v != model.Version(i+1) {
			t.Fatalf("published version %d, %v; want %d", v, err, i+1)
		}
	}
	for i, text := range texts {
		if v, err := r.Get(ctx, model.Version(i+1)); err != nil || v.Text != text {
			t.Errorf("version %d: %+v, %v; want %q", i+1, v, err, text)
		}
	}
	if err := r.Promote(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := r.Promote(ctx, 4); err == nil || !strings.Contains(err.Error(), "no version 4") {
		t.Errorf("promoted version 4: %v", err)
	}
	other := open(t, url).Rules() // another program
	if err := other.RollBack(ctx, 1, 3, "errors"); err != nil {
		t.Fatal(err)
	}
	if err := r.RollBack(ctx, 1, 2, "errors"); !errors.Is(err, model.ErrMoved) {
		t.Errorf("the second roll-back from 1: %v; want ErrMoved", err)
	}
	if v, err := r.Latest(ctx); err != nil || v.Version != 3 || !v.Latest || v.Text != "" {
		t.Errorf("latest is %+v, %v; want 3, which is empty", v, err)
	}
	list, err := other.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []model.RulesVersion{{Version: 1, Name: "spring"}, {Version: 2, Name: "summer"}, {Version: 3, Name: "e3b0c4429", Latest: true}}
	for i := range want {
		want[i].Author = "ann@here"
	}
	if diff := cmp.Diff(want, list, cmpopts.IgnoreFields(model.RulesVersion{}, "Hash", "Time")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestChangedRulesAreRefused(t *testing.T) {
	url := fresh(t)
	r, ctx := open(t, url).Rules(), deadline(t)
	if _, err := r.Publish(ctx, "a", "version: a\n"); err != nil {
		t.Fatal(err)
	}
	run(t, url, `UPDATE fairway.rules SET content = 'version: b'`)
	if v, err := r.Latest(ctx); err == nil || !strings.Contains(err.Error(), "version 1 of the rules is damaged") {
		t.Errorf("latest of changed rules: %+v, %v", v, err)
	}
	if _, err := r.Publish(ctx, "bad", "version: \xff\n"); err == nil {
		t.Error("text that is not UTF-8 was stored as if it were")
	}
	if _, err := r.Publish(ctx, "bad", "version: \x00\n"); err == nil {
		t.Error("text with a zero byte was stored as if it were")
	}
	if v, err := r.Publish(ctx, "good", "version: c\n"); err != nil || v != 2 {
		t.Errorf("published version %d after refusals, %v; want 2", v, err)
	}
}

// TestEventsOfModelsAndRules: each subject has its own, in the order in which
// they were committed.
func TestEventsOfModelsAndRules(t *testing.T) {
	db, ctx := open(t, fresh(t)), deadline(t)
	db.By = "ann@here"
	models, rules := db.Registry(), db.Rules()
	publish(t, models, sample("first"))
	if _, err := rules.Publish(ctx, "spring", ""); err != nil {
		t.Fatal(err)
	}
	publish(t, models, sample("second"))
	if err := models.Promote(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := models.RollBack(ctx, 1, 2, "slower"); err != nil {
		t.Fatal(err)
	}
	if err := models.RollBack(ctx, 1, 2, "too late"); !errors.Is(err, model.ErrMoved) {
		t.Errorf("a second roll-back: %v; want ErrMoved", err)
	}
	if err := models.Record(ctx, model.Event{Kind: model.Refused, Subject: model.SubjectModel, Version: "2", By: "fairwayd\x00x", Text: "NaN \xff"}); err != nil {
		t.Fatal(err)
	}
	if err := models.Record(ctx, model.Event{Kind: "exploded", Subject: model.SubjectModel}); err == nil {
		t.Error("an event of no kind was recorded")
	}
	want := []model.Event{
		{Kind: model.Published, Subject: model.SubjectModel, Version: "1", By: "ann@here", Text: "first"},
		{Kind: model.Published, Subject: model.SubjectModel, Version: "2", From: "1", By: "ann@here", Text: "second"},
		{Kind: model.Promoted, Subject: model.SubjectModel, Version: "1", From: "2", By: "ann@here"},
		{Kind: model.RolledBack, Subject: model.SubjectModel, Version: "2", From: "1", By: "ann@here", Text: "slower"},
		{Kind: model.Refused, Subject: model.SubjectModel, Version: "2", By: "fairwayd\uFFFDx", Text: "NaN \uFFFD"},
	}
	for _, n := range []int{0, 2} {
		got, err := models.Events(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			want = want[len(want)-n:]
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(model.Event{}, "Time")); diff != "" {
			t.Errorf("the last %d events (-want +got):\n%s", n, diff)
		}
	}
	if got, err := rules.Events(ctx, 0); err != nil || len(got) != 1 || got[0].Subject != model.SubjectRules || got[0].Text != "spring" {
		t.Errorf("events of the rules: %+v, %v; want that spring was published", got, err)
	}
}

// TestRulesAndModelsAreWatchedApart: a change of one is none of the other.
func TestRulesAndModelsAreWatchedApart(t *testing.T) {
	db, ctx := open(t, fresh(t)), deadline(t)
	models, rules := watched(t, db.Registry()), watched(t, db.Rules())
	publish(t, db.Registry(), sample("first"))
	tells(t, models, 1)
	for range 2 {
		if _, err := db.Rules().Publish(ctx, "spring", ""); err != nil {
			t.Fatal(err)
		}
	}
	for v := model.Version(0); v != 2; { // the first may be passed over
		select {
		case v = <-rules:
		case <-ctx.Done():
			t.Fatal("not told of version 2 of the rules")
		}
	}
	if len(models) != 0 {
		t.Error("told of another model")
	}
}
