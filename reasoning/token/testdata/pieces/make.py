"""Trains small SentencePiece models and writes them with the ids that the Python packages sentencepiece
(t5.json, llama.json) and tokenizers (*.tokenizer.json) give for some texts.

usage: python make.py TEXT     (in this folder; TEXT: goldens/ppl.txt of the shared models, King James Bible)
"""
import io, json, os, sys
import sentencepiece as spm
text=open(sys.argv[1]).read()
lines=[l for l in text.split('\n') if l][:400]+["The price was 12,345.67 dollars (about 5%).","naïve café über Straße 日本語 テスト","def f(x): return x**2 # square","www.example.com/path?q=1&r=2"]*3
samples=["","a"," ","  two  spaces","Hello world","The king said unto Esther","12,345.67 dollars","naïve café über","日本語 テスト x","emoji 🙂 end","tab\tnew\nline\n\n","trailing space ","ＦＵＬＬ width ①②","<s> not a mark </s>","<0x41> literal"," leading","a▁b","é decomposed e\u0301"," nbsp","mixedCASE words","q"*60, lines[3], lines[17][:200]]
out=[]
for kind in ("bpe","unigram"):
    m=io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(lines),model_writer=m,vocab_size=600,model_type=kind,byte_fallback=(kind=="bpe"),
        normalization_rule_name="identity" if kind=="bpe" else "nmt_nfkc", character_coverage=0.995, remove_extra_whitespaces=(kind!="bpe"), unk_id=0,bos_id=1,eos_id=2,pad_id=-1, minloglevel=2,
        allow_whitespace_only_pieces=(kind=="bpe"))
    p=spm.SentencePieceProcessor(model_proto=m.getvalue())
    n=p.get_piece_size()
    toks=[p.id_to_piece(i) for i in range(n)]
    types=[2 if p.is_unknown(i) else 3 if p.is_control(i) else 6 if p.is_byte(i) else 5 if p.is_unused(i) else 1 for i in range(n)]
    scores=[p.get_score(i) for i in range(n)]
    from sentencepiece import sentencepiece_model_pb2 as pb
    mp=pb.ModelProto(); mp.ParseFromString(m.getvalue())
    import base64
    out.append({"model":"llama" if kind=="bpe" else "t5","tokens":toks,"types":types,"scores":scores,"squeeze":kind!="bpe",
       "charsmap":base64.b64encode(mp.normalizer_spec.precompiled_charsmap).decode(),  # cut out of t5.json afterwards: it is in unigram.tokenizer.json
       "samples":[{"text":s,"ids":p.encode(s),"decoded":p.decode(p.encode(s))} for s in samples]})
    print(kind,n,len(mp.normalizer_spec.precompiled_charsmap))
os.makedirs('.',exist_ok=True)
for o in out:
    json.dump(o,open(f'./{o["model"]}.json','w'),ensure_ascii=False)
# tokenizer.json forms by transformers' converters
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, decoders
o=out[0]
vocab={t:i for i,t in enumerate(o["tokens"])}
order=sorted([ (t) for t,ty in zip(o["tokens"],o["types"]) if ty==1], key=lambda t:-o["scores"][vocab[t]])
merges=[]
for t in order:
    loc=[]
    for i in range(1,len(t)):
        if t[:i] in vocab and t[i:] in vocab: loc.append((t[:i],t[i:]))
    loc=sorted(loc,key=lambda x:(vocab[x[0]],vocab[x[1]])); merges+=loc
tk=Tokenizer(models.BPE(vocab,merges,unk_token="<unk>",fuse_unk=True,byte_fallback=True))
tk.normalizer=normalizers.Sequence([normalizers.Prepend("▁"),normalizers.Replace(" ","▁")])
tk.decoder=decoders.Sequence([decoders.Replace("▁"," "),decoders.ByteFallback(),decoders.Fuse(),decoders.Strip(" ",1,0)])
tk.add_special_tokens(["<unk>","<s>","</s>"])
from tokenizers.processors import TemplateProcessing
tk.post_processor=TemplateProcessing(single="<s> $A",special_tokens=[("<s>",1)])
o2=out[1]
tu=Tokenizer(models.Unigram([(t,s) for t,s in zip(o2["tokens"],o2["scores"])],unk_id=0,byte_fallback=False))
tu.normalizer=normalizers.Sequence([normalizers.Precompiled(base64.b64decode(o2["charsmap"])),normalizers.Replace(__import__('tokenizers').Regex(" {2,}")," ")])
tu.pre_tokenizer=pre_tokenizers.Metaspace(replacement="▁",prepend_scheme="always")
tu.add_special_tokens(["<s>","</s>"])
res=[]
for name,t in (("bpe",tk),("unigram",tu)):
    res=[{"text":s,"ids":t.encode(s,add_special_tokens=False).ids} for s in samples if "<s>" not in s]
    json.dump({"tokenizer":json.loads(t.to_str()),"samples":res},open(f'./{name}.tokenizer.json','w'),ensure_ascii=False)
