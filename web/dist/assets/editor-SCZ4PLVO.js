import{a}from"./chunk-3VQAPERK.js";import"./chunk-SALD4VYO.js";import"./chunk-UUVKZPFK.js";import"./chunk-4U6HOGYC.js";export{a as Editor};
