import{a}from"./chunk-GHPANF7P.js";import"./chunk-SALD4VYO.js";import"./chunk-UUVKZPFK.js";import"./chunk-5CNME2SJ.js";export{a as Editor};
