// Package graphqlapi offers the graph as GraphQL. The schema is generated from
// the shape of the graph: a type per class, a field per property, and the type
// Entity for everything. One selection set becomes one SPARQL query.
//
// Requests are measured after parsing and before validation, whose time grows
// faster than the depth of a query in graphql-go v0.8.1 (its issue 231).
package graphqlapi
