drop table card_history;
drop table card_photos;
drop table card_links;
drop table card_documents;
drop table cards;
