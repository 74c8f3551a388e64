import{a}from"./chunk-277OB572.js";import"./chunk-SALD4VYO.js";import"./chunk-UUVKZPFK.js";import"./chunk-EADV4INQ.js";export{a as Editor};
