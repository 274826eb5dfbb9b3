// Package finding is how a replay says what it found: numbers with their
// doubt, tables of text, and the verdict over a candidate. It knows neither
// recordings nor simulations; both are judged here by one rule.
package finding
