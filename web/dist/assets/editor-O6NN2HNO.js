import{a}from"./chunk-D6VCGUXV.js";import"./chunk-SALD4VYO.js";import"./chunk-UUVKZPFK.js";import"./chunk-SHSRLHDS.js";export{a as Editor};
