package datagen

// renameWords stand in for relation names that were taken out of a question.
const renameWords = `
anchor apple arrow autumn badge balance barrel basket beacon berry blanket blossom border bottle
branch breeze bridge bucket bundle button cabin cable candle canvas carbon carpet castle cedar
chain chamber channel chapter charm circle clover coast collar copper corner cotton cradle crystal
curtain dagger dawn desert diamond dragon drift drum eagle echo ember engine fabric feather
fence fiber flame flock forest fortune fountain frame garden ginger glacier glass globe grain
granite gravel harbor harvest hazel helmet hollow honey horizon hunter icicle iron island ivory
jacket jewel jungle kettle kingdom ladder lantern laurel leather lemon lever linen lion locket
lumber magnet maple marble market meadow mentor mirror mosaic motor needle nickel notice oak
oasis olive orbit orchard oyster paddle panel parade pebble pepper pillar pilot pine planet
pocket portal powder prairie prism pulse puzzle quarry quilt rabbit raft railway ranch raven
reef ribbon ridge rocket root saddle saffron salmon satin scarlet shadow shelter shield signal
silver sketch slope smoke socket spark spice spiral spring squire stable steam stream summit
sunset symbol tablet temple thread thunder ticket timber token torch trail tunnel turbine valley
velvet vessel violet voyage wagon walnut water wheel whistle willow window winter wizard zephyr
agenda assets backup basis batch binding branching budgeted carrier caption category charter checked claim
cluster code colour column concept consent contact context copy counter credit cycle deal degree
delay demand deposit detail device digest display domain draft duty edition effect entry error
exchange expert factor filter finding focus format function gain gateway grade guide hint holder
image impact index input issue item journal junction keeper key label layer lead lease
level link list load locus logic mark mask match matter measure method metric mode
model module motive network node norm object offer option output partial pattern phase pledge
policy pool priority profile proof protocol purpose quota rank ratio record refund register relay
release remark report request reserve result review reward role route rule sample scale schema
scope section segment sender session setting share shift side slot stage stamp status step
stock store strand subject summary supply surface survey switch table target term test theme
threshold title topic trace track trade transfer trend trial trigger type usage user variant
version view vote warrant width work zone
`
