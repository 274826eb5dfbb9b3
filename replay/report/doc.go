// Package report writes what a replay found as one file of HTML that needs
// nothing beside it: no script, no font, no picture from elsewhere.
//
// The pictures are drawn by gonum/plot. What it writes is an SVG with colours
// in it; here they become CSS variables, so that a picture is light or dark as
// the page is.
package report
