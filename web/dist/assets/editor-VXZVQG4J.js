import{a}from"./chunk-FQ3ICUP4.js";import"./chunk-SALD4VYO.js";import"./chunk-PEA6V4BR.js";import"./chunk-U37Y7QS2.js";export{a as Editor};
