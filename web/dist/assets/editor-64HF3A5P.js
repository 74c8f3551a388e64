import{a}from"./chunk-XNEBQWVM.js";import"./chunk-SALD4VYO.js";import"./chunk-UUVKZPFK.js";import"./chunk-4RU4AOWD.js";export{a as Editor};
