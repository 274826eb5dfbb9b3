package cache

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheEndLosesNothing: what was touched and is not due yet, or is being loaded, is
// written when Run ends.
func TestTheEndLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration // of the load that the end meets
		wait  time.Duration // from the change to the end
	}{
		"settling": {0, time.Second},
		"loading":  {3 * time.Second, 11 * time.Second},
		"at once":  {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := DefaultConfig()
				cfg.Settle = 10 * time.Second
				layer := newFake("disk")
				cache := newCache(t, cfg, layer)
				value, takes := "before", time.Duration(0)
				cache.Keep("k", func(ctx context.Context) ([]byte, string, error) {
					if takes > 0 {
						select {
						case <-time.After(takes):
						case <-ctx.Done():
							takes = 0
							return nil, "", ctx.Err()
						}
					}
					return []byte(value), "", nil
				})
				cache.Touch("k")
				stop := running(t, cache)
				time.Sleep(time.Second)
				synctest.Wait()
				value, takes = "after", c.takes
				cache.Touch("k")
				time.Sleep(c.wait)
				synctest.Wait()
				stop()
				if e, err := unseal(layer.text("k"), "", "k"); err != nil || string(e.Value) != "after" {
					t.Errorf("the layer has %q, %v", e.Value, err)
				}
			})
		})
	}
}

// TestTheEndWaitsForNobody: neither a layer nor whoever knows a key keeps Run from ending,
// and the one layer not the other from its last entry.
func TestTheEndWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.Settle = 10 * time.Second
		disk, hung := newFake("disk"), newFake("redis")
		hung.becomes(nil, time.Hour)
		c := newCache(t, cfg, disk, hung)
		var changed atomic.Bool // a load may be under way when it does
		value := func() []byte {
			if changed.Load() {
				return []byte("after")
			}
			return []byte("before")
		}
		for i := range 20 {
			c.Keep(fmt.Sprint("hung ", i), func(ctx context.Context) ([]byte, string, error) {
				if changed.Load() {
					<-ctx.Done()
					return nil, "", ctx.Err()
				}
				return value(), "", nil
			})
		}
		c.Keep("k", func(context.Context) ([]byte, string, error) { return value(), "", nil })
		stop := running(t, c)
		time.Sleep(time.Minute)
		changed.Store(true)
		c.Touch("k")
		for i := range 20 {
			c.Touch(fmt.Sprint("hung ", i))
		}
		began := time.Now()
		stop()
		if took := time.Since(began); took > farewell {
			t.Errorf("the end took %v", took)
		}
		if e, err := unseal(disk.text("k"), "", "k"); err != nil || string(e.Value) != "after" {
			t.Errorf("the disk has %q, %v", e.Value, err)
		}
	})
}
