// Package httpapi is the service over HTTP: routing, the rules every request
// passes (host, origin, size, identity, metrics), the console's /api/* routes,
// health and problems. SPARQL and GraphQL handlers are handed in.
package httpapi
