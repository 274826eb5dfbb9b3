// Package traefik gives decisions to Traefik's HTTP provider: a document of its
// dynamic configuration (https://doc.traefik.io/traefik/providers/http/) with a
// service of weighted servers for each route, and routers that find the route of a
// request as the rules do. Where the table has nothing to say the document is an
// error, and Traefik keeps the one before.
package traefik
