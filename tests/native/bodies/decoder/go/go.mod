module decoder

go 1.19
