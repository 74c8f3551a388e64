package vocabulary

import "github.com/quaestor-kg/quaestor/kg"

// SuperTypes adds to pairs of instance and class those of the superclasses, given
// as pairs of class and superclass, and returns the classes below each that have
// instances of their own.
func SuperTypes(types, supers [][2]kg.ID) ([][2]kg.ID, map[kg.ID][]kg.ID) {
	up := map[kg.ID][]kg.ID{}
	for _, s := range supers {
		up[s[0]] = append(up[s[0]], s[1])
	}
	above := map[kg.ID][]kg.ID{}
	below := map[kg.ID][]kg.ID{}
	for _, t := range types {
		all, known := above[t[1]]
		if !known {
			seen := map[kg.ID]bool{t[1]: true}
			for todo := up[t[1]]; len(todo) > 0; todo = todo[1:] {
				if c := todo[0]; !seen[c] {
					seen[c] = true
					all = append(all, c)
					below[c] = append(below[c], t[1])
					todo = append(todo, up[c]...)
				}
			}
			above[t[1]] = all
		}
		for _, c := range all {
			types = append(types, [2]kg.ID{t[0], c})
		}
	}
	return types, below
}
